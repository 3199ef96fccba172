import { connect, type IncomingHttpHeaders } from "node:http2";
import { networkInterfaces } from "node:os";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Client } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { credentials, Client as GrpcClient, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ErrorInfoSchema, RequestInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { ChatRequestSchema, ChatService } from "../../../gen/parley/v1/chat_pb.ts";
import { BreakerState, ProviderService } from "../../../gen/parley/v1/providers_pb.ts";
import { Role } from "../../../gen/parley/v1/messages_pb.ts";
import { ModelService } from "../../../gen/parley/v1/models_pb.ts";
import { TokenService } from "../../../gen/parley/v1/tokens_pb.ts";
import { anonymous } from "../../core/context.ts";
import { rawClient } from "../../testing/raw-client.ts";
import { openDoors, saying, type TestDoors } from "../../testing/test-doors.ts";

let doors: TestDoors;
let models: Client<typeof ModelService>;
const grpc = () => createGrpcTransport({ baseUrl: doors.url });
beforeAll(async () => {
  doors = await openDoors(saying("hi"), { limits: { maxBodyBytes: 5000 } });
  models = createClient(ModelService, grpc());
});
afterAll(() => doors.close());

const chat = { messages: [{ role: Role.USER, parts: [{ part: { case: "text" as const, value: { text: "hello" } } }] }] };

const same = (bytes: Buffer) => bytes;

async function failure(promise: Promise<unknown>): Promise<ConnectError> {
  return ConnectError.from(
    await promise.then(
      () => new Error("it did not fail"),
      (error: unknown) => error,
    ),
  );
}

describe("ModelService", () => {
  it("lists models in pages, by id", async () => {
    const first = await models.listModels({ pageSize: 2 });
    expect(first.models.map(({ id }) => id)).toEqual(["org/big:7b", "tiny"]);
    const second = await models.listModels({ pageSize: 2, pageToken: first.nextPageToken });
    expect([second.models.map(({ id }) => id), second.nextPageToken]).toEqual([["tiny-2"], ""]);
    expect((await models.listModels({})).models).toHaveLength(3);
  });

  it("refuses page sizes and tokens that are not its own, by name", async () => {
    expect((await failure(models.listModels({ pageSize: 1001 }))).rawMessage).toContain("page_size");
    expect((await failure(models.listModels({ pageToken: "%%" }))).rawMessage).toContain("page_token");
  });

  it("serves its reads over Connect GET", async () => {
    const client = createClient(ModelService, createConnectTransport({ baseUrl: doors.url, httpVersion: "1.1", useHttpGet: true }));
    expect((await client.getModel({ model: "tiny" })).model?.isDefault).toBe(true);
    expect((await failure(client.getModel({ model: "nobody" }))).code).toBe(Code.NotFound);
  });

  it("manages models for peers on this machine", async () => {
    expect((await models.deleteModel({ model: "tiny" })).freedBytes).toBe(42n);
    expect((await models.setDefaultModel({ model: "tiny-2" })).previousModel).toBe("tiny");
    for await (const { fractionDone } of models.loadModel({ model: "tiny" })) expect(fractionDone).toBe(1);
    expect((await failure(models.unloadModel({}))).rawMessage).toContain("model");
  });

  it("does not manage models for peers on other machines", async ({ skip }) => {
    const address = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .find(({ internal, family }) => !internal && family === "IPv4")?.address;
    skip(address === undefined, "this machine has no address beyond loopback");
    const open = await openDoors(saying("x"), { host: "0.0.0.0" });
    const from = (host = "") =>
      createClient(ModelService, createConnectTransport({ baseUrl: `http://${host}:${open.port}`, httpVersion: "1.1" }));
    expect((await from("127.0.0.1").deleteModel({ model: "tiny" })).freedBytes).toBe(42n);
    expect((await from(address).getModel({ model: "tiny" })).model?.id).toBe("tiny");
    const remote = from(address);
    for (const refused of [
      remote.deleteModel({ model: "tiny" }),
      remote.unloadModel({ model: "tiny" }),
      remote.setDefaultModel({ model: "tiny" }),
      remote.loadModel({ model: "tiny" })[Symbol.asyncIterator]().next(),
      remote.pullModel({ model: "tiny" })[Symbol.asyncIterator]().next(),
    ])
      expect(await failure(refused)).toMatchObject({ code: Code.PermissionDenied, rawMessage: expect.stringContaining("another machine") });
    await open.close();
  });

  it.each(["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"])(
    "does not manage models for peers behind a proxy that says %s",
    async (name) => {
      const error = await failure(models.deleteModel({ model: "tiny" }, { headers: { [name]: "for=203.0.113.9" } }));
      expect(error).toMatchObject({ code: Code.PermissionDenied, rawMessage: expect.stringContaining(`the header ${name}`) });
      expect((await models.getModel({ model: "tiny" }, { headers: { [name]: "for=203.0.113.9" } })).model?.id).toBe("tiny");
    },
  );
});

describe("an RPC", () => {
  it("tells what stands behind the service, by name, in pages", async () => {
    const client = createClient(ProviderService, grpc());
    const first = await client.listProviders({ pageSize: 1 });
    expect(first).toMatchObject({ providers: [{ name: "echo", kind: "echo", available: true }], defaultProvider: "openai" });
    expect([first.providers[0]?.breaker, first.providers[0]?.errorRate]).toEqual([BreakerState.UNSPECIFIED, undefined]);
    const second = await client.listProviders({ pageSize: 1, pageToken: first.nextPageToken });
    expect(second.providers).toMatchObject([{ name: "openai", available: false, breaker: BreakerState.OPEN, errorRate: 0.75 }]);
    expect(second.nextPageToken).toBe("");
  });

  it("counts tokens", async () => {
    expect((await createClient(TokenService, grpc()).countTokens({ chat })).promptTokens).toBe(7);
  });

  it("with a key in its header that differs from the field's is refused", async () => {
    const client = createClient(ChatService, grpc());
    const error = await failure(client.chat({ ...chat, idempotencyKey: "a" }, { headers: { "idempotency-key": "b" } }));
    expect([error.code, error.rawMessage]).toEqual([Code.InvalidArgument, expect.stringContaining("idempotency_key")]);
    await client.chat(chat, { headers: { "idempotency-key": "b" } });
    expect(doors.requests.at(-1)?.idempotencyKey).toBe("b");
  });

  it.each([
    ["Connect", () => createConnectTransport({ baseUrl: doors.url, httpVersion: "1.1" })],
    ["gRPC", () => createGrpcTransport({ baseUrl: doors.url })],
    ["gRPC-Web", () => createGrpcWebTransport({ baseUrl: doors.url, httpVersion: "1.1" })],
  ])("whose message is too large answers RESOURCE_EXHAUSTED over %s", async (_name, transport) => {
    const client = createClient(ChatService, transport());
    const error = await failure(client.chat({ ...chat, endUserId: "x".repeat(200_000) }));
    expect(error.code).toBe(Code.ResourceExhausted);
    // Connect's own error, which no interceptor sees: it too has its reason and id, and is noted.
    expect(error.findDetails(ErrorInfoSchema)[0]?.reason).toBe("BODY_TOO_LARGE");
    const { requestId } = error.findDetails(RequestInfoSchema)[0]!;
    await expect.poll(() => doors.log.find(({ facts }) => facts["requestId"] === requestId)?.facts["status"]).toBe("body_too_large");
  });

  it("with a request id on its answer and on its error", async () => {
    const headers: string[] = [];
    const client = createClient(ChatService, grpc());
    await client.chat(chat, { onHeader: (header) => headers.push(header.get("x-request-id") ?? "") });
    headers.push((await failure(createClient(ProviderService, grpc()).listProviders({ pageSize: -1 }))).metadata.get("x-request-id") ?? "");
    for (const id of headers) expect(id).toMatch(/^req_/);
    expect(new Set(headers).size).toBe(2);
  });

  it.each([
    ["GET", {}, [405, "unknown", "allowed are POST"]],
    ["PUT", {}, [405, "unknown", "allowed are POST"]],
    ["POST", { "content-type": "text/html" }, [415, "unknown", "content-type"]],
  ] as const)("called by %s with %o gets an error as Connect's JSON", async (method, headers, [statusCode, code, words]) => {
    const response = await fetch(`${doors.url}/parley.v1.ChatService/Chat`, { method, headers, ...(method === "POST" && { body: "x" }) });
    const error = (await response.json()) as { code: string; message: string };
    expect(response.headers.get("x-request-id")).toMatch(/^req_/);
    expect([response.status, error.code, error.message]).toEqual([statusCode, code, expect.stringContaining(words)]);
  });
});

describe("an unknown path", () => {
  it("answers a gRPC client with UNIMPLEMENTED, in headers alone", async () => {
    const client = new GrpcClient(doors.url.replace("http://", ""), credentials.createInsecure());
    const error = await new Promise<{ code: number; details: string } | null>((resolve) =>
      client.makeUnaryRequest("/no.such.Service/Method", same, same, Buffer.alloc(0), (thrown) => resolve(thrown)),
    );
    client.close();
    expect([error?.code, error?.details]).toEqual([status.UNIMPLEMENTED, expect.stringContaining("/no.such.Service/Method")]);
    const session = connect(doors.url);
    const stream = session.request({ ":method": "POST", ":path": "/no.such/Rpc", "content-type": "application/grpc" }, { endStream: true });
    const frames: string[] = [];
    const headers = await new Promise<IncomingHttpHeaders>((resolve) => {
      stream.on("response", (received, flags) => {
        // END_STREAM: no DATA frame follows.
        frames.push(String((flags ?? 0) & 1));
        resolve(received);
      });
    });
    expect([headers["grpc-status"], frames, headers["x-request-id"]]).toEqual(["12", ["1"], expect.stringMatching(/^req_/)]);
    session.destroy();
  });

  it("answers a Connect client with its JSON", async () => {
    const response = await fetch(`${doors.url}/no.such.Service/Method`, {
      method: "POST",
      headers: { "content-type": "application/proto" },
    });
    expect([response.status, await response.json()]).toEqual([404, expect.objectContaining({ code: "unimplemented" })]);
  });
});

describe("a request that names no valid host", () => {
  it("is refused, and does not end the process", async () => {
    const client = await rawClient(doors.url);
    client.send("POST /parley.v1.ChatService/Chat HTTP/1.1\r\nhost: a b\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}");
    expect(await client.until(/\}$/)).toMatch(/^HTTP\/1.1 400[^]*invalid_argument/);
    client.socket.destroy();
  });
});

describe("the listener", () => {
  it("serves further services beside its own, inside the same admission", async () => {
    const ids: string[] = [];
    const other = await openDoors(saying("x"), {
      routes: (router) =>
        router.rpc(ProviderService.method.listProviders, (_request, context) => (ids.push(context.requestHeader.get("x-mark") ?? ""), {})),
      interceptors: [(next) => (request) => (request.header.set("x-mark", "seen"), next(request))],
    });
    await createClient(ProviderService, createGrpcTransport({ baseUrl: other.url })).listProviders({});
    expect(ids).toEqual(["seen"]);
    await other.close();
  });

  it("asks who calls before it reads the body", async () => {
    const asked: unknown[] = [];
    const other = await openDoors(saying("x"), {
      keys: {
        isLocked: true,
        find(key, isLoopback) {
          asked.push([key, isLoopback]);
          return { ...anonymous(isLoopback), tenant: "acme", scopes: ["chat"] };
        },
      },
    });
    await createClient(ChatService, createGrpcTransport({ baseUrl: other.url })).chat(chat, { headers: { authorization: "Bearer k" } });
    expect(asked).toEqual([["k", true]]);
    expect(other.calls[0]?.caller.tenant).toBe("acme");
    await other.close();
  });

  it("says which address is taken", async () => {
    const error = await failure(openDoors(saying("x"), { port: doors.port }));
    expect(error.rawMessage).toBe(`cannot listen on 127.0.0.1:${doors.port}: another program listens there; choose another port`);
  });

  it("reads a request that comes in many pieces", async () => {
    const message = toBinary(ChatRequestSchema, create(ChatRequestSchema, { ...chat, endUserId: "x".repeat(3000) }));
    const session = connect(doors.url);
    const stream = session.request({ ":method": "POST", ":path": "/parley.v1.ChatService/Chat", "content-type": "application/proto" });
    for (let at = 0; at < message.length; at += 100) stream.write(message.subarray(at, at + 100));
    stream.end();
    const answered = await new Promise<IncomingHttpHeaders>((resolve) => stream.once("response", resolve));
    expect(answered[":status" as keyof IncomingHttpHeaders]).toBe(200);
    session.destroy();
  });
});
