import { noThinkingConcessions } from "../../../dialects/no-thinking.ts";
import { errorLine, errorToOllama } from "../../../dialects/ollama/errors.ts";
import { chatRequestFromOllama, generateRequestFromOllama, type OllamaRequest } from "../../../dialects/ollama/request.ts";
import { chatResponseToOllama, loadedToOllama, type Shape } from "../../../dialects/ollama/response.ts";
import { LineWriter } from "../../../dialects/ollama/writer.ts";
import type { Doors, Exchange } from "../../exchange.ts";
import type { AskedChat, ChatFormat } from "../chat-route.ts";
import { ollamaEnvelope } from "../envelope.ts";
import { loadModel } from "./load.ts";
import type { PlainName } from "./names.ts";
import { keepingAfter } from "./stay.ts";

/** The type of a stream of lines. */
export const linesType = "application/x-ndjson";

const readers: Readonly<Record<Shape, (body: unknown) => OllamaRequest>> = {
  chat: chatRequestFromOllama,
  generate: generateRequestFromOllama,
};

/** Chats of `POST /api/chat` or `POST /api/generate`. */
export function ollamaChat(shape: Shape, plainName: PlainName, doors: Doors): ChatFormat {
  return {
    envelopeFor: () => ollamaEnvelope,
    read(body, exchange) {
      const asked = readers[shape](body);
      return askedChat(asked, plainName(asked.request.model), { shape, doors, exchange });
    },
  };
}

interface Asking {
  readonly shape: Shape;
  readonly doors: Doors;
  readonly exchange: Exchange;
}

/** A chat with a model by its plain name; the caller is told the name that he used. */
function askedChat({ request, stream, load, stay }: OllamaRequest, plain: string, { shape, doors, exchange }: Asking): AskedChat {
  const { clock } = doors;
  const said = request.model;
  const nameOf = (model: string) => (model === plain ? said : model);
  return {
    request: plain === said ? request : { ...request, model: plain },
    concessions: noThinkingConcessions(request),
    whole: (response) => chatResponseToOllama(response, { shape, nameOf }),
    stream: stream
      ? () => ({
          writer: new LineWriter({ shape, nameOf, now: () => clock.now() }),
          type: linesType,
          keepAlive: undefined,
          failed: (error) => errorLine(errorToOllama(error)),
        })
      : undefined,
    watch: keepingAfter({ name: plain, stay, exchange }, doors),
    ...(load !== undefined && {
      async instead() {
        await loadModel({ name: plain, load, exchange }, doors);
        return loadedToOllama(said, { shape, isUnload: load.isUnload, nowMs: clock.now() });
      },
    }),
  };
}
