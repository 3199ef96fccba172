import type { ChatEvent, ChatRequest } from "../../../../gen/parley/v1/chat_pb.ts";
import type { AnswerReader, AskedUpstream, UpstreamFrame } from "../../upstream-dialect.ts";
import { malformed } from "../../upstream-fault.ts";
import { Answer } from "./answer.ts";
import { parsedAnswer } from "./parse-answer.ts";

/** Reads a stream of Ollama's, line by line. */
export class LineReader implements AnswerReader {
  readonly #answer: Answer;
  readonly #asked: AskedUpstream;

  constructor(request: ChatRequest, asked: AskedUpstream, contextLength: number | undefined) {
    this.#answer = new Answer(request, asked, contextLength);
    this.#asked = asked;
  }

  get isWhole(): boolean {
    return this.#answer.isWhole;
  }

  /** The line that says that it is done holds all there is to say. */
  get hasEnded(): boolean {
    return this.#answer.isWhole;
  }

  read({ data }: UpstreamFrame): readonly ChatEvent[] {
    if (this.#answer.isWhole || data.trim() === "") return [];
    const line = parsedAnswer(data);
    if (line === undefined) throw malformed(this.#asked, "a line that is no JSON");
    return this.#answer.read(line);
  }

  end(): readonly ChatEvent[] {
    return this.#answer.end();
  }
}
