import { compressionAlgorithms, status } from "@grpc/grpc-js";
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ErrorInfoSchema, RequestInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../gen/google/rpc/status_pb.ts";
import { call, failure, grpcJsClient, read, stream, type Client } from "../grpc-js-client.ts";
import { startTestServer, type TestServer } from "../test-server.ts";

let server: TestServer;
let chat: Client;
let health: Client;
beforeAll(async () => {
  server = await startTestServer({ models: { tiny: {} } });
  chat = grpcJsClient(server.port, "parley.v1.ChatService");
  health = grpcJsClient(server.port, "grpc.health.v1.Health");
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

  it("learns what stands behind the service", async () => {
    const providers = grpcJsClient(server.port, "parley.v1.ProviderService");
    const { answer } = await call(providers, "ListProviders", {});
    providers.close();
    expect(answer["providers"]).toMatchObject([{ name: "echo" }, { name: "llama-cpp" }]);
  });

  it("is told UNIMPLEMENTED for a method that nobody knows", async () => {
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
    const compressing = grpcJsClient(server.port, "parley.v1.ChatService", {
      "grpc.default_compression_algorithm": compressionAlgorithms.gzip,
    });
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
