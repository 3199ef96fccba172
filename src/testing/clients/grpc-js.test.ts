import { join } from "node:path";
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  status,
  type ClientReadableStream,
  type GrpcObject,
  type ServiceClientConstructor,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ErrorInfoSchema, RequestInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../gen/google/rpc/status_pb.ts";
import { failureOf } from "../collect-events.ts";
import { startTestServer, type TestServer } from "../test-server.ts";

// A client that knows the .proto files and nothing else of ours, as one in any language does.

const folder = join(import.meta.dirname, "..", "..", "..", "proto");
const options = { keepCase: true, includeDirs: [folder], longs: Number, enums: String, defaults: true, oneofs: true };
const names = ["chat", "embeddings", "models", "providers", "rerank", "tokens"];
const protos = [...names.map((name) => `parley/v1/${name}.proto`), "grpc/health/v1/health.proto"];
const files = loadPackageDefinition(loadSync(protos, options));

let server: TestServer;
let chat: Client;
let health: Client;
beforeAll(async () => {
  server = await startTestServer({ models: { tiny: {} } });
  chat = clientOf("parley.v1.ChatService");
  health = clientOf("grpc.health.v1.Health");
});
afterAll(async () => {
  chat.close();
  health.close();
  await server.close();
});

const user = (text: string, more = {}) => ({ messages: [{ role: "ROLE_USER", parts: [{ text: { text } }] }], ...more });

describe("grpc-js with the .proto files", () => {
  it("gets a whole answer", async () => {
    const { answer } = await call(chat, "Chat", user("say it again", { model: "echo" }));
    expect(answer).toMatchObject({
      model: "echo",
      choices: [{ message: { role: "ROLE_ASSISTANT", parts: [{ text: { text: "say it again" } }] }, reason: "FINISH_REASON_STOP" }],
    });
  });

  it("gets a stream in order", async () => {
    const events = await read(stream(chat, "Stream", user("one two", { model: "tiny", max_tokens: 5 })));
    expect(events.map(({ event }) => event).filter((kind, index, all) => kind !== all[index - 1])).toEqual([
      "accepted",
      "started",
      "text",
      "finished",
      "completed",
    ]);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index));
  });

  it("gets status and details of an error, which generic clients read from the trailers", async () => {
    const error = await failure(call(chat, "Chat", user("hi", { model: "nobody" })));
    expect(error.code).toBe(status.NOT_FOUND);
    expect(error.details).toContain("nobody");
    const [bytes] = error.metadata.get("grpc-status-details-bin");
    const { code, details } = fromBinary(StatusSchema, bytes as Buffer);
    expect(code).toBe(status.NOT_FOUND);
    const reasons = details.flatMap((detail) => anyUnpack(detail, ErrorInfoSchema)?.reason ?? []);
    expect(reasons).toEqual(["MODEL_NOT_FOUND"]);
    expect(details.flatMap((detail) => anyUnpack(detail, RequestInfoSchema)?.requestId ?? [])).toEqual([expect.stringMatching(/^req_/)]);
  });

  it("ends at its deadline, and the model serves the next", async () => {
    const long = user("hi", { model: "tiny", max_tokens: 2000 });
    const error = await failure(call(chat, "Chat", long, { deadline: Date.now() + 150 }));
    expect(error.code).toBe(status.DEADLINE_EXCEEDED);
    const { answer } = await call(chat, "Chat", user("hi", { model: "tiny", max_tokens: 2 }));
    expect(answer["usage"]).toMatchObject({ completion_tokens: 2 });
  });

  it("cancels a stream, and the model serves the next", async () => {
    const long = stream(chat, "Stream", user("hi", { model: "tiny", max_tokens: 2000 }));
    const error = await failure(
      read(long, ({ event }) => {
        if (event === "text") long.cancel();
      }),
    );
    expect(error.code).toBe(status.CANCELLED);
    const { answer } = await call(chat, "Chat", user("hi", { model: "tiny", max_tokens: 2 }));
    expect(answer["usage"]).toMatchObject({ completion_tokens: 2 });
  });

  it("is told UNIMPLEMENTED for a method that this version lacks, by name, and for one that nobody knows", async () => {
    const providers = clientOf("parley.v1.ProviderService");
    const lacking = await failure(call(providers, "ListProviders", {}));
    providers.close();
    expect([lacking.code, lacking.details]).toEqual([status.UNIMPLEMENTED, expect.stringContaining("ListProviders")]);
    const unknown = await failure(
      new Promise((resolve, reject) =>
        chat.makeUnaryRequest(
          "/nobody.v1.Service/Method",
          () => Buffer.alloc(0),
          (bytes: Buffer) => bytes,
          {},
          (error, answer) => (error === null ? resolve(answer) : reject(error)),
        ),
      ),
    );
    expect(unknown.code).toBe(status.UNIMPLEMENTED);
  });

  it("sends compressed requests", async () => {
    const compressing = clientOf("parley.v1.ChatService", { "grpc.default_compression_algorithm": 2 });
    const { answer } = await call(compressing, "Chat", user("again ".repeat(2000), { model: "echo", max_tokens: 2 }));
    compressing.close();
    expect(answer["usage"]).toMatchObject({ completion_tokens: 2 });
  });

  it("asks for health: check, list and watch", async () => {
    expect((await call(health, "Check", { service: "" })).answer).toEqual({ status: "SERVING" });
    const { answer } = await call(health, "List", {});
    expect(Object.keys(answer["statuses"] as object)).toEqual(
      expect.arrayContaining(["", "parley.v1.ChatService", "parley.v1.ModelService", "parley.v1.TokenService"]),
    );
    const watch = stream(health, "Watch", { service: "nobody" });
    const error = await failure(
      read(watch, (first) => {
        expect(first).toEqual({ status: "SERVICE_UNKNOWN" });
        watch.cancel();
      }),
    );
    expect(error.code).toBe(status.CANCELLED);
  });
});

type Client = InstanceType<ServiceClientConstructor>;
type Message = Readonly<Record<string, unknown>>;

function clientOf(name: string, channelOptions = {}): Client {
  const found = name.split(".").reduce<unknown>((at, part) => (at as GrpcObject)[part], files) as ServiceClientConstructor;
  return new found(`127.0.0.1:${server.port}`, credentials.createInsecure(), channelOptions);
}

type UnaryMethod = (
  message: Message,
  metadata: Metadata,
  options: object,
  done: (error: ServiceError | null, answer: Message) => void,
) => unknown;

function call(client: Client, method: string, message: Message, callOptions = {}): Promise<{ answer: Message }> {
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, answer: Message) => (error === null ? resolve({ answer }) : reject(error));
    (client[method] as unknown as UnaryMethod).call(client, message, new Metadata(), callOptions, done);
  });
}

function stream(client: Client, method: string, message: Message): ClientReadableStream<Message> {
  return (client[method] as unknown as (message: Message) => ClientReadableStream<Message>).call(client, message);
}

function read(messages: ClientReadableStream<Message>, see: (message: Message) => void = () => {}): Promise<Message[]> {
  const all: Message[] = [];
  return new Promise((resolve, reject) => {
    messages.on("data", (message: Message) => {
      all.push(message);
      see(message);
    });
    messages.on("error", reject);
    messages.on("end", () => resolve(all));
  });
}

async function failure(work: Promise<unknown>): Promise<ServiceError> {
  return (await failureOf(work, Error)) as ServiceError; // an interface: it has no class
}
