import { connect, type ClientHttp2Session } from "node:http2";
import { inspect } from "node:util";
import { createConnectRouter } from "@connectrpc/connect";
import { Value } from "typebox/value";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../core/clock.ts";
import { scopes } from "../core/keys.ts";
import { defaultLimits } from "../core/limits.ts";
import type { KeyRing } from "../keys/ring.ts";
import { openKeys } from "../keys/ring.ts";
import type { StoredKey } from "../keys/stored-key.ts";
import { keysIn, writeKeys } from "../testing/key-file.ts";
import { framed, rawAnswer, rawRpc } from "../testing/raw-rpc.ts";
import { rawClient } from "../testing/raw-client.ts";
import { recordingLog } from "../testing/recording-log.ts";
import { sharedFolder } from "../testing/temporary-folder.ts";
import { openDoors, saying, type TestDoors } from "../testing/test-doors.ts";
import { access, needOf, type Need } from "./access.ts";
import { drain } from "./drain.ts";
import type { Doors } from "./exchange.ts";
import { openaiEnvelope } from "./rest/envelope.ts";
import { envelopeOf } from "./rest/families.ts";
import { restRouter, routesOf } from "./rest/router.ts";
import { mountReflection } from "./rpc/reflection.ts";
import { mountServices, purposeOf } from "./rpc/services.ts";

// Every route and every RPC that is mounted, each by every protocol it is called in, with every kind of key that must not open it.

const words = Object.keys(scopes).filter((word) => word !== "all" && word !== "admin");
const exactly = (word: string) => `exactly-${word}-key`;
const allBut = (word: string) => `all-but-${word}-key`;
const stored: readonly StoredKey[] = [
  ...[...words, "admin"].map((word) => ({ id: `exactly-${word}`, key: exactly(word), scopes: [word] })),
  ...[...words, "admin"].map((word) => ({ id: `but-${word}`, key: allBut(word), scopes: words.filter((each) => each !== word) })),
  { id: "expired", key: "an-expired-key", scopes: ["admin"], expires: "2020-01-01T00:00:00Z" },
  { id: "revoked", key: "a-revoked-key", scopes: ["admin"], revoked: "2020-01-01T00:00:00Z" },
  { id: "other", key: "another-tenants-key", tenant: "other" },
];

const folder = sharedFolder();
let keys: KeyRing;
let doors: TestDoors;
let session: ClientHttp2Session;
beforeAll(async () => {
  const store = keysIn(folder);
  writeKeys(store, stored);
  keys = await openKeys({ ...store, isFileRequired: true, given: [] }, { clock: systemClock, log: recordingLog().log });
  const metricsText = async () => ({ contentType: "text/plain", body: "# metrics" });
  doors = await openDoors(saying("x"), { keys, metricsText });
  session = connect(doors.url);
});
afterAll(async () => {
  session.destroy();
  await doors.close();
  keys.close();
});

const scripted = { limits: defaultLimits, service: { models: {}, providers: {} }, drain: drain() } as unknown as Doors;
const router = createConnectRouter();
mountServices(router, scripted);
mountReflection(router, () => []);
const rpcs = router.handlers.map(({ service, method }) => ({ name: `${service.typeName}/${method.name}`, kind: method.methodKind }));
const everything = { metricsText: async () => ({ contentType: "", body: "" }), areProbesAlone: false };
const routes = restRouter(scripted, everything).names;
const envelopes = new Map(routesOf(scripted, everything).map(({ path, envelope }) => [path, envelope]));

/** What came of a call: refused for who calls, for what it may do, or neither. */
type Verdict = "unauthenticated" | "permission_denied" | "in";

/** How refusals look over HTTP; the code is OpenAI's. */
const refusals = {
  unauthenticated: { status: 401, challenge: 'Bearer realm="parley"', code: "invalid_api_key" },
  permission_denied: { status: 403, challenge: null, code: "permission_denied" },
} as const;

const json = { "content-type": "application/json" };

async function overRest(name: string, key: string | undefined): Promise<Verdict> {
  const [method = "", path = ""] = name.split(" ");
  const headers = { ...json, ...(key !== undefined && { "x-api-key": key }) };
  const body = method === "POST" ? '{"messages":[{"role":"user","content":"x"}]}' : null;
  const answer = await fetch(doors.url + path.replace("{id}", "tiny"), { method, headers, body });
  const text = await answer.text();
  const verdict = ({ 401: "unauthenticated", 403: "permission_denied" } as const)[answer.status] ?? "in";
  if (verdict === "in") return verdict;
  const { challenge, code } = refusals[verdict];
  expect(answer.headers.get("www-authenticate")).toBe(challenge);
  if (method === "HEAD") return verdict;
  const answered = JSON.parse(text) as { readonly error?: unknown };
  const { schema } = envelopes.get(path) ?? envelopeOf(path);
  expect(Value.Check(schema, answered), text).toBe(true);
  if (schema === openaiEnvelope().schema) expect(answered.error).toMatchObject({ code });
  return verdict;
}

async function overGrpc(name: string, key: string | undefined, type = "application/grpc"): Promise<Verdict> {
  const stream = rawRpc(session, `/${name}`, { "content-type": type, ...(key !== undefined && { authorization: `Bearer ${key}` }) });
  // A watch has no end of its own.
  stream.on("data", () => type === "application/grpc" && name.endsWith("Watch") && stream.close(8));
  const answered = rawAnswer(stream);
  stream.end(framed(new Uint8Array()));
  const { status, pieces } = await answered;
  const text = Buffer.concat(pieces).toString();
  const code = status ?? Number(/grpc-status: ?(\d+)/.exec(text)?.[1] ?? 0);
  return code === 16 ? "unauthenticated" : code === 7 ? "permission_denied" : "in";
}

async function overConnect({ name, kind }: (typeof rpcs)[number], key: string | undefined): Promise<Verdict> {
  const isUnary = kind === "unary";
  const headers = {
    "content-type": isUnary ? "application/json" : "application/connect+json",
    ...(key !== undefined && { authorization: `bearer ${key}` }),
  };
  const end = new AbortController();
  const answer = await fetch(`${doors.url}/${name}`, {
    method: "POST",
    headers,
    body: isUnary ? "{}" : framed(Buffer.from("{}")),
    signal: end.signal,
  });
  const text = await firstPiece(answer);
  end.abort();
  const verdict = /"code":"(unauthenticated|permission_denied)"/.exec(text)?.[1] as keyof typeof refusals | undefined;
  if (verdict === undefined) return "in";
  const { status, challenge } = refusals[verdict];
  if (isUnary) expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([status, challenge]);
  return verdict;
}

async function firstPiece({ body }: Response): Promise<string> {
  return new TextDecoder().decode((await body?.getReader().read())?.value);
}

/** Key and verdict, for what is needed. */
function expected(need: Need): readonly (readonly [key: string | undefined, verdict: Verdict])[] {
  if (need === "open") return [undefined, "a-wrong-key", "an-expired-key", allBut("chat")].map((key) => [key, "in"]);
  const nobody = [undefined, "a-wrong-key", "pk_short", "an-expired-key", "a-revoked-key"].map((key) => [key, "unauthenticated"] as const);
  if (need === "key") return [...nobody, [exactly("metrics"), "in"], ["another-tenants-key", "in"]];
  const other = ["another-tenants-key", need === "admin" ? "permission_denied" : "in"] as const;
  return [...nobody, [allBut(need), "permission_denied"], other, [exactly(need), "in"], [exactly("admin"), "in"]];
}

const needs = (name: string, family: "rest" | "rpc"): Need => {
  const need = needOf({ name, family });
  if (need === undefined) throw new Error(`${name} has no row`);
  return need;
};

describe("the table of what is needed", () => {
  it("has a row for everything that is mounted, and no other", () => {
    const paths = routes.map((name) => name.split(" ")[1] ?? "");
    expect(new Set([...rpcs.map(({ name }) => name), ...paths])).toEqual(new Set(access.keys()));
  });

  it("asks for the scope admin exactly where the service is changed", () => {
    const changing = rpcs.filter(({ name }) => purposeOf(name) === "management").map(({ name }) => name);
    expect(rpcs.filter(({ name }) => access.get(name) === "admin").map(({ name }) => name)).toEqual(changing);
    expect(changing.length).toBeGreaterThanOrEqual(5);
  });

  it("leaves open what probes ask and the description of what there is, and nothing else", () => {
    const open = [...access].filter(([, need]) => need === "open").map(([name]) => name);
    expect(open.toSorted()).toEqual([
      "/docs",
      "/docs/{id}",
      "/health",
      "/healthz",
      "/livez",
      "/openapi.json",
      "/readyz",
      "grpc.health.v1.Health/Check",
      "grpc.health.v1.Health/Watch",
    ]);
  });
});

const isAnswering = (name: string) => !name.startsWith("OPTIONS ");

describe("a key", () => {
  it.each(routes.filter(isAnswering))("opens %s by REST only if it may", async (name) => {
    for (const [key, verdict] of expected(needs(name, "rest"))) expect([key, await overRest(name, key)]).toEqual([key, verdict]);
  });

  it.each(rpcs)("opens $name by gRPC only if it may", async ({ name }) => {
    for (const [key, verdict] of expected(needs(name, "rpc"))) expect([key, await overGrpc(name, key)]).toEqual([key, verdict]);
  });

  it.each(rpcs.filter(({ name, kind }) => kind !== "bidi_streaming" && !name.endsWith("Watch")))(
    "opens $name by gRPC-Web only if it may",
    async ({ name }) => {
      for (const [key, verdict] of expected(needs(name, "rpc")))
        expect([key, await overGrpc(name, key, "application/grpc-web+proto")]).toEqual([key, verdict]);
    },
  );

  it.each(rpcs.filter(({ kind }) => kind !== "bidi_streaming"))("opens $name by Connect only if it may", async (rpc) => {
    for (const [key, verdict] of expected(needs(rpc.name, "rpc"))) expect([key, await overConnect(rpc, key)]).toEqual([key, verdict]);
  });

  it.each(["/v1/nothing", "/v1/models/", "/parley.v1.Nobody/Nothing"])("is needed to learn that there is no %s", async (path) => {
    expect(await overRest(`GET ${path}`, undefined)).toBe("unauthenticated");
    expect((await fetch(doors.url + path, { headers: { "x-api-key": exactly("chat") } })).status).toBe(404);
  });

  it("carries its tenant to the service, whatever the protocol", async () => {
    const before = doors.calls.length;
    await overRest("POST /v1/chat/completions", "another-tenants-key");
    await overGrpc("parley.v1.ChatService/Chat", exactly("chat"));
    await overConnect({ name: "parley.v1.ChatService/Chat", kind: "unary" }, "another-tenants-key");
    const callers = doors.calls.slice(before).map(({ caller: { tenant, keyId } }) => [tenant, keyId]);
    expect(callers).toEqual([
      ["other", "other"],
      ["default", "exactly-chat"],
      ["other", "other"],
    ]);
  });

  it("is in no line of the log", () => {
    const text = inspect(doors.log, { depth: 12, maxArrayLength: null, maxStringLength: null });
    for (const { key } of stored) expect(text).not.toContain(key);
    expect(text).not.toContain("a-wrong-key");
    expect(text).toContain("keyId: 'other'");
  });

  it("is not asked of a preflight", async () => {
    expect((await fetch(`${doors.url}/v1/chat/completions`, { method: "OPTIONS" })).status).toBe(204);
  });

  it("is missed before the body is read", async () => {
    const client = await rawClient(doors.url);
    client.send("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n");
    expect(await client.until(/\r\n\r\n\{.*\}/)).toMatch(/^HTTP\/1.1 401 [^]*a key is required/);
    client.socket.destroy();
  });
});
