import { credentials, Metadata, makeClientConstructor, status, type ServiceError } from "@grpc/grpc-js";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BadRequestSchema, ErrorInfoSchema, RequestInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import { ChatRequestSchema, ChatService, ChatResponseSchema } from "../../gen/parley/v1/chat_pb.ts";
import { anonymous } from "../core/context.ts";
import type { Keys } from "../core/keys.ts";
import { fault } from "../core/reasons.ts";
import { failing, openDoors, type TestDoors } from "../testing/test-doors.ts";

const keys: Keys = { isLocked: true, find: (key) => (key === "good" ? { ...anonymous(false), keyId: "1", scopes: ["all"] } : "unknown") };
const thrown = fault("rate_limited", "slow down", { retryAfterMs: 1500, fields: [{ field: "max_tokens", description: "is much" }] });

let doors: TestDoors;
beforeAll(async () => {
  doors = await openDoors(failing(thrown), { keys });
});
afterAll(() => doors.close());

/** What a client knows of an error. */
interface Known {
  readonly code: number;
  readonly reason: string | undefined;
  readonly retryMs: number | undefined;
  readonly fields: readonly string[];
  readonly requestId: string | undefined;
}

type Detail = Readonly<Record<string, unknown>> & { readonly $typeName: string };

function knownOf(code: number, details: readonly Detail[]): Known {
  const of = (name: string) => details.find(({ $typeName }) => $typeName === `google.rpc.${name}`) ?? {};
  const { retryDelay } = of("RetryInfo") as { retryDelay?: { seconds: bigint; nanos: number } };
  const { fieldViolations = [] } = of("BadRequest") as { fieldViolations?: { field: string }[] };
  return {
    code,
    reason: (of("ErrorInfo") as { reason?: string }).reason,
    retryMs: retryDelay === undefined ? undefined : Number(retryDelay.seconds) * 1000 + retryDelay.nanos / 1e6,
    fields: fieldViolations.map(({ field }) => field),
    requestId: (of("RequestInfo") as { requestId?: string }).requestId,
  };
}

const schemas = [ErrorInfoSchema, RetryInfoSchema, BadRequestSchema, RequestInfoSchema];

interface Ask {
  readonly key: string;
  readonly isStream: boolean;
  /** Of a service that is not there. */
  readonly isUnknown?: boolean;
}

/** Asks by grpc-js, whose details stand in a trailer. */
function byGrpcJs({ key, isStream, isUnknown = false }: Ask): Promise<Known> {
  const method = {
    path: isUnknown ? "/no.such.Service/Call" : `/parley.v1.ChatService/${isStream ? "Stream" : "Chat"}`,
    requestStream: false,
    responseStream: isStream,
    requestSerialize: () => Buffer.from(toBinary(ChatRequestSchema, create(ChatRequestSchema))),
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => fromBinary(ChatResponseSchema, bytes),
  };
  const Client = makeClientConstructor({ ask: method }, "any");
  const client = new Client(`127.0.0.1:${doors.port}`, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${key}`);
  return new Promise<ServiceError>((resolve) => {
    const ask = client["ask"] as unknown as (
      this: unknown,
      ...given: unknown[]
    ) => { on(name: string, then: (error: ServiceError) => void): void };
    if (isStream) ask.call(client, {}, metadata).on("error", resolve);
    else ask.call(client, {}, metadata, (error: ServiceError) => resolve(error));
  }).then((error) => {
    client.close();
    const [bytes] = error.metadata.get("grpc-status-details-bin");
    const rich = fromBinary(StatusSchema, bytes as Buffer);
    expect(rich.code).toBe(error.code);
    return knownOf(
      error.code,
      rich.details.flatMap((any) => schemas.flatMap((schema) => anyUnpack<(typeof schemas)[number]>(any, schema) ?? [])),
    );
  });
}

/** Asks by connect-web. */
async function byConnectWeb(make: (key: string) => Transport, { key, isStream }: Ask): Promise<Known> {
  const chat = createClient(ChatService, make(key));
  const asking = isStream ? chat.stream({})[Symbol.asyncIterator]().next() : chat.chat({});
  const error = ConnectError.from(await asking.catch((failed: unknown) => failed));
  return knownOf(
    error.code,
    schemas.flatMap((schema) => error.findDetails<(typeof schemas)[number]>(schema)),
  );
}

const withKey = (key: string) => ({
  baseUrl: doors.url,
  fetch: ((input, init) => fetch(input, { ...init, headers: [...new Headers(init?.headers), ["x-api-key", key]] })) as typeof fetch,
});

const clients: Readonly<Record<string, (ask: Ask) => Promise<Known>>> = {
  "grpc-js": byGrpcJs,
  "connect-web, Connect": (ask) => byConnectWeb((key) => createConnectTransport({ ...withKey(key), useBinaryFormat: false }), ask),
  "connect-web, gRPC-Web": (ask) => byConnectWeb((key) => createGrpcWebTransport(withKey(key)), ask),
};
const rows = Object.keys(clients).flatMap((name) => [false, true].map((isStream) => [name, isStream] as const));
const requestId = expect.stringMatching(/^req_/);

describe("an error has its reason, when to try again, the fields at fault and the request's id", () => {
  it.each(rows)("by %s, a stream: %j", async (name, isStream) => {
    const known = await clients[name]!({ key: "good", isStream });
    expect(known).toEqual({ code: Code.ResourceExhausted, reason: "RATE_LIMITED", retryMs: 1500, fields: ["max_tokens"], requestId });
  });

  it.each(rows)("also one that admission refuses: by %s, a stream: %j", async (name, isStream) => {
    const known = await clients[name]!({ key: "wrong", isStream });
    expect(known).toEqual({ code: Code.Unauthenticated, reason: "UNAUTHENTICATED", retryMs: undefined, fields: [], requestId });
  });

  it("also where there is no such RPC", async () => {
    const known = await byGrpcJs({ key: "good", isStream: false, isUnknown: true });
    expect(known).toMatchObject({ code: status.UNIMPLEMENTED, reason: "ROUTE_NOT_FOUND", requestId });
  });

  it("over Connect a header says when to try again, for what knows HTTP alone", async () => {
    const asked = { method: "POST", headers: { "content-type": "application/json", "x-api-key": "good" }, body: "{}" };
    const response = await fetch(`${doors.url}/parley.v1.ChatService/Chat`, asked);
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "2"]);
  });

  it.each([
    ["a content type that is none of an RPC", { "content-type": "text/plain" }, "UNSUPPORTED_MEDIA_TYPE"],
    ["a body that is no JSON", { "content-type": "application/json" }, "MALFORMED_BODY"],
  ])("also for %s, over Connect", async (_name, headers, reason) => {
    const asked = { method: "POST", headers: { ...headers, "x-api-key": "good" }, body: "{" };
    const { details } = (await (await fetch(`${doors.url}/parley.v1.ChatService/Chat`, asked)).json()) as {
      details: { type: string; debug: object }[];
    };
    expect(details).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: "google.rpc.ErrorInfo", debug: expect.objectContaining({ reason }) }),
        expect.objectContaining({ type: "google.rpc.RequestInfo", debug: { requestId } }),
      ]),
    );
  });
});
