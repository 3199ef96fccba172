import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { ErrorInfoSchema, RetryInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../gen/google/rpc/status_pb.ts";
import { call, failure, read, stream, type Client, type Message } from "../grpc-js-client.ts";
import type { Door, Mode } from "./cells.ts";

/** What a client was told, in words that no door has for itself. */
export interface Told {
  /** The answer's text, as far as it came. */
  readonly text: string;
  /** Of gRPC, or of HTTP; of a stream over HTTP that broke: 200. */
  readonly status: number;
  /** The error's reason over gRPC, its `code` over REST; undefined: there was none. */
  readonly error: string | undefined;
  /** Whether the error said when to try again. */
  readonly tellsWhen: boolean;
  /** Whether the answer came to the end that its protocol knows: OK, `[DONE]`, a body. */
  readonly isClean: boolean;
  /** Who served it, as the answer says; undefined: it does not. */
  readonly served: { readonly attempts: number; readonly isFallback: boolean } | undefined;
}

/** How a running service is reached. */
export interface Reached {
  readonly url: string;
  readonly chat: Client;
  readonly embedding: Client;
}

/** Asks a model for something through a door. */
export type Asking = (reached: Reached, model: string, way: { readonly door: Door; readonly mode: Mode }) => Promise<Told>;

/** Asks for a chat. */
export const ask: Asking = ({ url, chat }, model, { door, mode }) => {
  if (door === "grpc") return mode === "stream" ? grpcStream(chat, model) : grpcUnary(chat, model);
  return mode === "stream" ? restStream(url, model) : restUnary(url, model);
};

/** Asks for vectors, which come whole. */
export const askVectors: Asking = async ({ url, embedding }, model, { door }) => {
  if (door === "rest") {
    const response = await post(`${url}/v1/embeddings`, { model, input: ["a", "b"], encoding_format: "float" });
    return restWhole(response, (body) => (body as { data: unknown[] }).data.map(() => "v").join(""));
  }
  const asked = call(embedding, "Embed", { model, inputs: [{ text: "a" }, { text: "b" }] });
  return grpcWhole(asked, (answer) => (answer["embeddings"] as unknown[]).map(() => "v").join(""));
};

const grpcRequest = (model: string): Message => ({
  model,
  max_tokens: 64,
  messages: [{ role: "ROLE_USER", parts: [{ text: { text: "hi" } }] }],
});
const restRequest = (model: string, isStream: boolean) => ({
  model,
  max_tokens: 64,
  stream: isStream,
  messages: [{ role: "user", content: "hi" }],
});

async function grpcStream(chat: Client, model: string): Promise<Told> {
  let text = "";
  let served: Told["served"];
  const see = ({ text: piece, completed }: Message) => {
    text += (piece as { text?: string } | null)?.text ?? "";
    served ??= servedOf((completed as Message | null)?.["served_by"]);
  };
  const outcome = await read(stream(chat, "Stream", grpcRequest(model)), see).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { text, served, ...grpcEnd(outcome) };
}

function grpcUnary(chat: Client, model: string): Promise<Told> {
  return grpcWhole(call(chat, "Chat", grpcRequest(model)), (answer) => {
    const { choices } = answer as { choices: { message: { parts: { text: { text: string } }[] } }[] };
    return choices.flatMap(({ message }) => message.parts.map((part) => part.text.text)).join("");
  });
}

async function grpcWhole(asked: ReturnType<typeof call>, textOf: (answer: Message) => string): Promise<Told> {
  const outcome = await asked.catch(() => undefined);
  if (outcome === undefined) return { text: "", served: undefined, ...grpcEnd(await failure(asked)) };
  return { text: textOf(outcome.answer), served: servedOf(outcome.answer["served_by"]), ...grpcEnd(undefined) };
}

function servedOf(served: unknown): Told["served"] {
  if (served === undefined || served === null) return undefined;
  const { attempts, fallback } = served as { attempts: number; fallback: boolean };
  return { attempts, isFallback: fallback };
}

function grpcEnd(error: unknown): Omit<Told, "text" | "served"> {
  if (error === undefined) return { status: 0, error: undefined, tellsWhen: false, isClean: true };
  const { code, metadata } = error as Awaited<ReturnType<typeof failure>>;
  const [bytes] = metadata.get("grpc-status-details-bin");
  const details = Buffer.isBuffer(bytes) ? fromBinary(StatusSchema, bytes).details : [];
  const reason = details.flatMap((any) => anyUnpack(any, ErrorInfoSchema) ?? [])[0]?.reason.toLowerCase();
  const tellsWhen = details.some((any) => anyUnpack(any, RetryInfoSchema) !== undefined);
  return { status: code, error: reason ?? "none", tellsWhen, isClean: false };
}

function post(url: string, body: unknown): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
}

interface ErrorBody {
  readonly error: { readonly code: string };
}

async function restUnary(url: string, model: string): Promise<Told> {
  const response = await post(`${url}/v1/chat/completions`, restRequest(model, false));
  return restWhole(response, (body) =>
    (body as { choices: { message: { content: string } }[] }).choices.map(({ message }) => message.content).join(""),
  );
}

async function restWhole(response: Response, textOf: (body: unknown) => string): Promise<Told> {
  const { status, headers } = response;
  const body: unknown = await response.json();
  if (status !== 200) return refused(response, body as ErrorBody);
  const attempts = headers.get("x-parley-attempts");
  const served = attempts === null ? undefined : { attempts: Number(attempts), isFallback: headers.get("x-parley-fallback") === "true" };
  return { text: textOf(body), status, error: undefined, tellsWhen: false, isClean: true, served };
}

function refused({ status, headers }: Response, { error }: ErrorBody): Told {
  return { text: "", status, error: error.code, tellsWhen: headers.has("retry-after"), isClean: false, served: undefined };
}

async function restStream(url: string, model: string): Promise<Told> {
  const response = await post(`${url}/v1/chat/completions`, restRequest(model, true));
  const { status } = response;
  if (status !== 200) return refused(response, (await response.json()) as ErrorBody);
  const frames = (await response.text()).split("\n\n");
  const comment = frames.find((frame) => frame.startsWith(": parley-served"));
  const data = frames.flatMap((frame) => (frame.startsWith("data: ") ? [frame.slice("data: ".length)] : []));
  const isClean = data.at(-1) === "[DONE]";
  const chunks = data.filter((each) => each !== "[DONE]").map((each) => JSON.parse(each) as Chunk & Partial<ErrorBody>);
  const text = chunks.map(({ choices }) => choices?.[0]?.delta.content ?? "").join("");
  const error = chunks.find((chunk) => chunk.error !== undefined)?.error?.code;
  return { text, status, error, tellsWhen: false, isClean, served: servedOfComment(comment) };
}

interface Chunk {
  readonly choices?: readonly { readonly delta: { readonly content?: string } }[];
}

function servedOfComment(comment: string | undefined): Told["served"] {
  const attempts = /x-parley-attempts=(\d+)/u.exec(comment ?? "")?.[1];
  if (attempts === undefined) return undefined;
  return { attempts: Number(attempts), isFallback: /x-parley-fallback=true/u.test(comment ?? "") };
}
