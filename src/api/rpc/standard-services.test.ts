import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { anonymous } from "../../core/context.ts";
import { openDoors, saying, type TestDoors } from "../../testing/test-doors.ts";

let doors: TestDoors;
const grpc = () => createGrpcTransport({ baseUrl: doors.url });
beforeAll(async () => {
  doors = await openDoors(saying("hi"));
});
afterAll(() => doors.close());

async function failure(promise: Promise<unknown>): Promise<ConnectError> {
  return ConnectError.from(await promise.catch((error: unknown) => error));
}

describe("health", () => {
  it("checks, lists and watches", async () => {
    const client = createClient(Health, grpc());
    expect((await client.check({})).status).toBe(Status.SERVING);
    expect((await failure(client.check({ service: "model:none" }))).code).toBe(Code.NotFound);
    expect(Object.keys((await client.list({})).statuses)).toEqual(["", "parley.v1.ChatService"]);
    const seen: Status[] = [];
    for await (const { status: now } of client.watch({ service: "model:new" })) {
      seen.push(now);
      if (now === Status.SERVICE_UNKNOWN) doors.health.setModel("new", false);
      if (now === Status.NOT_SERVING) doors.health.setModel("new", true);
      if (now === Status.SERVING) break;
    }
    expect(seen).toEqual([Status.SERVICE_UNKNOWN, Status.NOT_SERVING, Status.SERVING]);
  });
});

it("a list of health names the models that the caller's key allows, and no others", async () => {
  const keys = {
    isLocked: true,
    find: (key: string) => ({ ...anonymous(true), keyId: key, scopes: ["all"], models: key === "narrow" ? ["mine"] : undefined }),
  };
  const locked = await openDoors(saying("hi"), { keys });
  onTestFinished(() => locked.close());
  for (const name of ["mine", "other"]) locked.health.setModel(name, true);
  const namesOf = async (key: string) => {
    const client = createClient(Health, createGrpcTransport({ baseUrl: locked.url }));
    return Object.keys((await client.list({}, { headers: { "x-api-key": key } })).statuses).filter((name) => name.startsWith("model:"));
  };
  expect(await namesOf("narrow")).toEqual(["model:mine"]);
  expect(await namesOf("wide")).toEqual(["model:mine", "model:other"]);
});

describe("reflection", () => {
  it.each([ServerReflection, ServerReflectionAlpha])("describes every service ($typeName)", async (service) => {
    const client = createClient(service as typeof ServerReflection, grpc());
    const asked = async function* () {
      yield { messageRequest: { case: "listServices" as const, value: "*" } };
      yield { messageRequest: { case: "fileContainingSymbol" as const, value: "parley.v1.ChatService.Stream" } };
      yield { messageRequest: { case: "fileByFilename" as const, value: "nothing.proto" } };
    };
    const answers: unknown[] = [];
    for await (const { messageResponse } of client.serverReflectionInfo(asked())) answers.push(messageResponse);
    expect(answers[0]).toMatchObject({
      case: "listServicesResponse",
      value: { service: expect.arrayContaining([expect.objectContaining({ name: "parley.v1.ModelService" })]) },
    });
    expect(answers[1]).toMatchObject({ case: "fileDescriptorResponse" });
    expect(answers[2]).toMatchObject({ case: "errorResponse", value: { errorCode: Code.NotFound } });
  });

  it("lets buf curl list and call without a schema", async () => {
    const run = (...args: string[]) => promisify(execFile)("node_modules/.bin/buf", ["curl", "--http2-prior-knowledge", ...args]);
    expect((await run("--protocol", "grpc", "--list-methods", doors.url)).stdout).toContain("parley.v1.ChatService/Stream");
    const { stdout } = await run(
      "--protocol",
      "grpc",
      "-d",
      '{"messages":[{"role":"ROLE_USER","parts":[{"text":{"text":"x"}}]}]}',
      `${doors.url}/parley.v1.ChatService/Chat`,
    );
    expect(stdout).toContain('"text": "hi"');
  }, 20_000);

  it("can be switched off", async () => {
    const closed = await openDoors(saying("x"), { reflection: false });
    const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: closed.url }));
    const asked = async function* () {
      yield { messageRequest: { case: "listServices" as const, value: "*" } };
    };
    const error = await failure(Array.fromAsync(client.serverReflectionInfo(asked())));
    expect(error.code).toBe(Code.Unimplemented);
    await closed.close();
  });
});
