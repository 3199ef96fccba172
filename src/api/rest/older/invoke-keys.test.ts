import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from "vitest";
import type { JsonObject } from "@bufbuild/protobuf";
import { startTestServer, type TestServer } from "../../../testing/test-server.ts";
import { startUpstream, type ScriptedUpstream } from "../../../testing/upstream/upstream.ts";

// Nobody here has a key but the callers of POST /invoke.

const key = "sk-your-api-key-here";

let upstream: ScriptedUpstream;
beforeAll(async () => {
  upstream = await startUpstream({ ids: ["gpt-4o-mini"], keys: [key] });
});
afterAll(() => upstream.close());

let asked: number;
beforeEach(() => {
  asked = upstream.requests.length;
});

/** A service whose upstream comes of the variable of its address. */
async function service(environment: Record<string, string>, config: JsonObject = {}): Promise<TestServer> {
  const where = { LLM_DEFAULT_PROVIDER: "openai", LLM_OPENAI_BASE_URL: `${upstream.url}/v1` };
  const server = await startTestServer({ config, environment: { ...where, ...environment } });
  onTestFinished(() => server.close());
  return server;
}

async function invoke({ url }: TestServer, more: object, headers: Record<string, string> = {}) {
  const body = JSON.stringify({ request_id: "550e8400-e29b-41d4-a716-446655440000", user_prompt: "Hello", ...more });
  const answer = await fetch(`${url}/invoke`, { method: "POST", headers: { "content-type": "application/json", ...headers }, body });
  const json: unknown = await answer.json();
  return { status: answer.status, json };
}

/** Keys of the chats that have reached the upstream in this test. */
function keysSent(): unknown[] {
  const chats = upstream.requests.slice(asked).filter(({ method }) => method === "POST");
  return chats.map(({ headers }) => headers["authorization"]);
}

const refused = { success: false, error: { error_type: "authentication_error", error_code: "INVALID_API_KEY", field: "openai_api_key" } };

it("LLM_CLIENT_KEYS lets the caller's openai_api_key ask an upstream for which the operator has none", async () => {
  const answer = await invoke(await service({ LLM_CLIENT_KEYS: "true" }), { openai_api_key: key });
  expect(answer).toMatchObject({ status: 200, json: { success: true, data: { response: "one two three" }, error: null } });
  expect(keysSent()).toEqual([`Bearer ${key}`]);
});

it("LLM_CLIENT_KEYS lets the header bring it too", async () => {
  const answer = await invoke(await service({ LLM_CLIENT_KEYS: "true" }), {}, { "x-parley-upstream-key": key });
  expect([answer.status, keysSent()]).toEqual([200, [`Bearer ${key}`]]);
});

it("without LLM_CLIENT_KEYS a key in openai_api_key is a 401 in the route's own words, and reaches nobody", async () => {
  expect(await invoke(await service({}), { openai_api_key: key })).toMatchObject({ status: 401, json: refused });
  expect(keysSent()).toEqual([]);
});

it("an upstream of the file that says clientKeys: false takes none, whatever LLM_CLIENT_KEYS says", async () => {
  const upstreams = [{ name: "openai", kind: "openai", clientKeys: false }];
  const server = await service({ LLM_CLIENT_KEYS: "true" }, { upstreams });
  expect(await invoke(server, { openai_api_key: key })).toMatchObject({ status: 401, json: refused });
  expect(keysSent()).toEqual([]);
});

it("a call that brings no key, where the operator has none, is the operator's fault, and the next that brings one is served", async () => {
  const server = await service({ LLM_CLIENT_KEYS: "true" });
  const keyless = await invoke(server, {});
  expect(keyless).toMatchObject({ status: 500, json: { success: false, error: { error_code: "PROVIDER_CREDENTIALS" } } });
  expect((await invoke(server, { request_id: "another", openai_api_key: key })).status).toBe(200);
});
