import { failure, read, stream, type Client, type Message } from "./grpc-js-client.ts";

/** What a client has of a streamed chat. */
export interface ReadChat {
  readonly text: string;
  /** Whether it came to the end that its protocol knows: OK, or `[DONE]`. */
  readonly isClean: boolean;
  /** What the error was; empty: there was none. */
  readonly error: string;
  /** Who served it, by the names of the contract; REST tells the attempts alone. */
  readonly served: { readonly attempts: number; readonly splices?: readonly Message[] } | undefined;
}

/** What is asked. */
export interface Asked {
  readonly model: string;
  readonly words: string;
  readonly maxTokens: number;
  /** Undefined: whatever the model takes. */
  readonly temperature?: number;
}

/** Asks over gRPC. */
export async function readGrpc(chat: Client, { model, words, maxTokens, temperature }: Asked): Promise<ReadChat> {
  let text = "";
  let served: ReadChat["served"];
  const see = ({ text: piece, completed }: Message) => {
    text += (piece as { text: string } | null)?.text ?? "";
    served ??= (completed as { served_by: NonNullable<ReadChat["served"]> } | null)?.served_by;
  };
  const messages = [{ role: "ROLE_USER", parts: [{ text: { text: words } }] }];
  const reading = read(stream(chat, "Stream", { model, messages, max_tokens: maxTokens, sampling: { temperature } }), see);
  const isClean = await reading.then(
    () => true,
    () => false,
  );
  return { text, served, isClean, error: isClean ? "" : (await failure(reading)).details };
}

/** Asks over REST, in OpenAI's format. */
export async function readRest(url: string, { model, words, maxTokens, temperature }: Asked): Promise<ReadChat> {
  const body = { model, stream: true, temperature, max_tokens: maxTokens, messages: [{ role: "user", content: words }] };
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await (await fetch(`${url}/v1/chat/completions`, init)).text();
  const data = answer.split("\n\n").flatMap((frame) => (frame.startsWith("data: ") ? [frame.slice("data: ".length)] : []));
  const isClean = data.at(-1) === "[DONE]";
  const chunks = data.filter((each) => each !== "[DONE]").map((each) => JSON.parse(each) as Chunk);
  const attempts = /x-parley-attempts=(\d+)/u.exec(answer)?.[1];
  return {
    text: chunks.map(({ choices }) => choices?.[0]?.delta.content ?? "").join(""),
    isClean,
    error: chunks.find(({ error }) => error !== undefined)?.error?.message ?? "",
    served: attempts === undefined ? undefined : { attempts: Number(attempts) },
  };
}

interface Chunk {
  readonly choices?: readonly { readonly delta: { readonly content?: string } }[];
  readonly error?: { readonly message: string };
}
