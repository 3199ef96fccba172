import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { ChatRequestSchema, ChatService, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { Role } from "../../../gen/parley/v1/messages_pb.ts";
import { ModelService } from "../../../gen/parley/v1/models_pb.ts";

// Bundled by the test and loaded into a page of another origin than the service's; the test calls what stands in `window.parley`.

/** What is shown with each call; empty: none. */
let shownKey = "";

const showing: Interceptor = (next) => (request) => {
  if (shownKey !== "") request.header.set("authorization", `Bearer ${shownKey}`);
  return next(request);
};
const interceptors = [showing];

const transports: Readonly<Record<string, (baseUrl: string) => Transport>> = {
  "Connect, JSON": (baseUrl) => createConnectTransport({ baseUrl, interceptors, useBinaryFormat: false }),
  "Connect, binary": (baseUrl) => createConnectTransport({ baseUrl, interceptors, useBinaryFormat: true }),
  "gRPC-Web": (baseUrl) => createGrpcWebTransport({ baseUrl, interceptors }),
};

/** What the test may call. */
export interface Page {
  /** Has all calls from then on show a key. */
  show(key: string): void;
  unary(transport: string, url: string): Promise<string>;
  /** The kinds of the events, and after which share of the whole time the first text came. */
  stream(transport: string, url: string): Promise<{ kinds: string[]; text: string; firstTextShare: number }>;
  /** Leaves a long stream at its first text; the code of the error that the client then sees. */
  abort(transport: string, url: string): Promise<string>;
  error(transport: string, url: string): Promise<{ code: string; message: string; requestId: string | null }>;
  get(url: string): Promise<string[]>;
  /** What a page gets from where it was served from. */
  read(path: string): Promise<{ status: number; text: string }>;
  /** What a page sees whose origin is not allowed. */
  refused(url: string): Promise<string>;
  /** The OpenAI route, as its SDKs call it from a page: with headers that need a preflight. */
  rest(url: string): Promise<{ text: string; requestId: string | null }>;
}

const page: Page = {
  show(key) {
    shownKey = key;
  },

  async unary(transport, url) {
    const { choices } = await clientOf(transport, url).chat(ask("say it again", "echo"));
    const part = choices[0]?.message?.parts[0]?.part;
    return part?.case === "text" ? part.value.text : "";
  },

  async stream(transport, url) {
    const kinds: string[] = [];
    const beganMs = performance.now();
    let firstTextMs = 0;
    let text = "";
    for await (const { event } of clientOf(transport, url).stream(ask("hi", "tiny", 1200))) {
      kinds.push(event.case ?? "");
      if (event.case !== "text") continue;
      firstTextMs ||= performance.now();
      text += event.value.text;
    }
    const firstTextShare = (firstTextMs - beganMs) / (performance.now() - beganMs);
    return { kinds: kinds.filter((kind, index) => kind !== kinds[index - 1]), text, firstTextShare };
  },

  async abort(transport, url) {
    const controller = new AbortController();
    try {
      for await (const { event } of clientOf(transport, url).stream(ask("hi", "tiny", 2000), { signal: controller.signal }))
        if (event.case === "text") controller.abort();
    } catch (error) {
      return Code[ConnectError.from(error).code];
    }
    return "it ended";
  },

  async error(transport, url) {
    try {
      await clientOf(transport, url).chat(ask("hi", "nobody"));
    } catch (error) {
      const { code, rawMessage, metadata } = ConnectError.from(error);
      return { code: Code[code], message: rawMessage, requestId: metadata.get("x-request-id") };
    }
    return { code: "none", message: "", requestId: null };
  },

  async get(url) {
    const transport = createConnectTransport({ baseUrl: url, interceptors, useHttpGet: true });
    const { models } = await createClient(ModelService, transport).listModels({});
    return models.map(({ id }) => id);
  },

  async read(path) {
    const response = await fetch(path);
    return { status: response.status, text: await response.text() };
  },

  async refused(url) {
    try {
      await clientOf("Connect, JSON", url).chat(ask("hi", "echo"));
    } catch (error) {
      return ConnectError.from(error).rawMessage;
    }
    return "it was allowed";
  },

  async rest(url) {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${shownKey || "none"}`,
        "x-stainless-lang": "js",
        "x-stainless-retry-count": "0",
      },
      body: JSON.stringify({ model: "echo", messages: [{ role: "user", content: "from a page" }] }),
    });
    const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
    return { text: choices[0]?.message.content ?? "", requestId: response.headers.get("x-request-id") };
  },
};

function clientOf(name: string, url: string) {
  const make = transports[name];
  if (make === undefined) throw new TypeError(`there is no transport ${name}`);
  return createClient(ChatService, make(url));
}

function ask(words: string, model: string, maxTokens?: number): ChatRequest {
  const messages = [{ role: Role.USER, parts: [{ part: { case: "text" as const, value: { text: words } } }] }];
  return create(ChatRequestSchema, { model, messages, ...(maxTokens !== undefined && { maxTokens }) });
}

Object.assign(globalThis, { parley: page });
