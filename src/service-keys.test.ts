import { join } from "node:path";
import { inspect } from "node:util";
import Anthropic from "@anthropic-ai/sdk";
import { Metadata } from "@grpc/grpc-js";
import OpenAI, { AuthenticationError, PermissionDeniedError } from "openai";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { StoredKey } from "./keys/stored-key.ts";
import { grpcJsClient, type Message } from "./testing/grpc-js-client.ts";
import { temporaryFolder, sharedFolder } from "./testing/temporary-folder.ts";
import { keysIn, writeKeys } from "./testing/key-file.ts";
import { startTestServer, type TestServer } from "./testing/test-server.ts";

// Processes of models are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

const stored: readonly StoredKey[] = [
  { id: "a", key: "key-of-team-a", tenant: "team-a" },
  { id: "b", key: "key-of-team-b", tenant: "team-b" },
  { id: "boss", key: "key-of-the-boss", scopes: ["admin"] },
  { id: "narrow", key: "key-of-narrow-a", scopes: ["chat", "models"], models: ["nick"] },
  { id: "little", key: "key-of-little", limits: { maxTokens: 3 } },
  { id: "old", key: "key-of-the-old", expires: "2020-01-01T00:00:00Z" },
];

const folder = sharedFolder();
const file = join(folder, "keys", "keys.json");
const config = { aliases: { nick: "tiny", other: "tiny" } };
let server: TestServer;
beforeAll(async () => {
  writeKeys(keysIn(folder), stored);
  const environment = { LLM_API_KEYS: "given-plain-key,team-c:given-tenant-key", LLM_API_KEYS_FILE: file, LLM_ADMIN_PORT: "0" };
  server = await startTestServer({ models: { tiny: { contextLength: 512 } }, config, environment });
}, 60_000);
afterAll(() => server.close());

const messages = [{ role: "user" as const, content: "hi" }];
const openai = (apiKey: string) => new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0 });
const chat = (apiKey: string, more: object = {}) => openai(apiKey).chat.completions.create({ model: "echo", messages, ...more });
const statusOf = async (path: string, headers: Record<string, string> = {}, url = server.url) =>
  (await fetch(url + path, { headers })).status;

function grpcChat(headers: Record<string, string>): Promise<Message> {
  const client = grpcJsClient(server.port, "parley.v1.ChatService");
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const request = { model: "echo", messages: [{ role: "ROLE_USER", parts: [{ text: { text: "hi" } }] }] };
  type Chat = (message: Message, metadata: Metadata, done: (error: Error | null, answer: Message) => void) => void;
  return new Promise<Message>((resolve, reject) => {
    (client["chat"] as unknown as Chat).call(client, request, metadata, (error, answer) =>
      error === null ? resolve(answer) : reject(error),
    );
  }).finally(() => client.close());
}

describe("clients with their keys", () => {
  it("OpenAI's SDK", async () => {
    expect((await chat("key-of-team-a")).choices[0]?.message.content).toBe("hi");
    await expect(chat("key-of-nobody")).rejects.toBeInstanceOf(AuthenticationError);
    await expect(chat("key-of-the-old")).rejects.toThrow("this key has expired");
    await expect(chat("key-of-narrow-a")).rejects.toBeInstanceOf(PermissionDeniedError);
  });

  it("Anthropic's SDK, which sends x-api-key", async () => {
    const anthropic = (apiKey: string) => new Anthropic({ baseURL: server.url, apiKey, maxRetries: 0 });
    expect((await anthropic("key-of-team-a").models.list()).data.map(({ id }) => id)).toContain("echo");
    await expect(anthropic("key-of-nobody").models.list()).rejects.toMatchObject({ status: 401 });
  });

  it("grpc-js, by either name of its metadata", async () => {
    expect(await grpcChat({ authorization: "Bearer key-of-team-a" })).toMatchObject({ model: "echo" });
    expect(await grpcChat({ "x-api-key": "given-tenant-key" })).toMatchObject({ model: "echo" });
    await expect(grpcChat({})).rejects.toMatchObject({ code: 16, details: expect.stringContaining("a key is required") });
    await expect(grpcChat({ authorization: "Bearer key-of-narrow-a" })).rejects.toMatchObject({ code: 7 });
    await expect(grpcChat({ authorization: "Bearer key-of-team-a", "x-api-key": "key-of-team-b" })).rejects.toMatchObject({ code: 16 });
  });

  it("whose management comes through a proxy, if its key is an admin's", async () => {
    const unload = (key: string) =>
      fetch(`${server.url}/parley.v1.ModelService/UnloadModel`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-forwarded-for": "10.0.0.1", authorization: `Bearer ${key}` },
        body: '{"model":"tiny"}',
      }).then(({ status }) => status);
    expect([await unload("key-of-the-boss"), await unload("key-of-team-a"), await unload("")]).toEqual([200, 403, 401]);
  });
});

it("another Parley before this one shows its key by itself", async () => {
  const upstreams = [{ name: "next", kind: "parley", baseUrl: `127.0.0.1:${server.port}`, apiKeys: ["key-of-team-b"] }];
  const first = await startTestServer({ config: { upstreams } });
  const client = new OpenAI({ baseURL: `${first.url}/v1`, apiKey: "none", maxRetries: 0 });
  expect((await client.chat.completions.create({ model: "next/echo", messages })).choices[0]?.message.content).toBe("hi");
  expect(server.log.at(-1)?.facts).toMatchObject({ tenant: "team-b", keyId: "b" });
  await first.close();
});

describe("what a key allows", () => {
  it("are its models, by the names that it knows them by, and no others are told of", async () => {
    const ids = async (key: string) => (await openai(key).models.list()).data.map(({ id }) => id);
    expect(await ids("key-of-narrow-a")).toEqual(["nick"]);
    expect(await ids("key-of-team-a")).toEqual(expect.arrayContaining(["echo", "tiny"]));
    expect((await openai("key-of-narrow-a").models.retrieve("nick")).id).toBe("nick");
    const told = await Promise.all(
      ["tiny", "echo", "nobody"].map((id) => statusOf(`/v1/models/${id}`, { "x-api-key": "key-of-narrow-a" })),
    );
    expect(told).toEqual([403, 403, 403]);
    const rpc = await fetch(`${server.url}/parley.v1.ModelService/ListModels`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": "key-of-narrow-a" },
      body: '{"includeCatalog":true}',
    });
    expect(await rpc.json()).toMatchObject({ models: [{ id: "nick" }] });
    expect((await chat("key-of-narrow-a", { model: "nick", max_tokens: 2 })).model).toBe("nick");
    await expect(chat("key-of-narrow-a", { model: "tiny" })).rejects.toMatchObject({ status: 403 });
  });

  it("are so many new tokens of a call, over all its choices", async () => {
    const words = [{ role: "user" as const, content: "one two three four five six" }];
    const short = await chat("key-of-little", { messages: words });
    expect(short.choices[0]?.finish_reason).toBe("length");
    expect(short.usage?.completion_tokens).toBe(3);
    expect((await chat("key-of-little", { max_tokens: 2 })).usage?.completion_tokens).toBeLessThanOrEqual(2);
    await expect(chat("key-of-little", { max_tokens: 4 })).rejects.toMatchObject({ status: 403, param: "max_tokens" });
    await expect(chat("key-of-little", { max_tokens: 2, n: 2 })).rejects.toThrow("this key's limit maxTokens, 3 in all");
    await expect(chat("key-of-little", { n: 4 })).rejects.toMatchObject({ status: 403, param: "n" });
  });

  it("is never another tenant's prefix", async () => {
    const long = [{ role: "user" as const, content: "the bread and the river ".repeat(12) }];
    const cached = async (key: string) =>
      (await chat(key, { model: "tiny", messages: long, max_tokens: 2 })).usage?.prompt_tokens_details?.cached_tokens ?? 0;
    expect(await cached("key-of-team-a")).toBe(0);
    expect(await cached("key-of-team-a")).toBeGreaterThan(20);
    expect(await cached("key-of-team-b")).toBe(0);
    expect(await cached("key-of-team-b")).toBeGreaterThan(20);
  });
});

describe("what needs no key", () => {
  it("are probes, on the port of their own with the metrics and nothing else", async () => {
    const [admin = ""] = server.server.adminUrls;
    for (const path of ["/health", "/healthz", "/livez", "/readyz", "/metrics"])
      expect([path, await statusOf(path, {}, admin)]).toEqual([path, 200]);
    for (const path of ["/", "/v1/models", "/providers", "/v1/models/tiny"])
      expect([path, await statusOf(path, {}, admin)]).toEqual([path, 404]);
    const rpc = (name: string) =>
      fetch(`${admin}/${name}`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" }).then(
        ({ status }) => status,
      );
    expect([await rpc("grpc.health.v1.Health/Check"), await rpc("parley.v1.ModelService/ListModels")]).toEqual([200, 404]);
    const health = grpcJsClient(Number(new URL(admin).port), "grpc.health.v1.Health");
    const ask = health["check"] as unknown as (message: Message, done: (error: Error | null, answer: Message) => void) => void;
    expect(await new Promise((resolve) => ask.call(health, {}, (_error, answer) => resolve(answer)))).toEqual({ status: "SERVING" });
    health.close();
  });

  it("are metrics of the main port, where a switch says so", async () => {
    expect(await statusOf("/metrics")).toBe(401);
    const open = await startTestServer({ environment: { LLM_API_KEYS: "given-plain-key", LLM_METRICS_OPEN: "true" } });
    expect([await statusOf("/metrics", {}, open.url), await statusOf("/v1/models", {}, open.url)]).toEqual([200, 401]);
    await open.close();
  });

  it("is everything but management where the service is open, and what a client sends then is nothing unless it is a key of ours", async () => {
    const environment = { LLM_API_KEYS_FILE: file, LLM_ENABLE_AUTH: "false" };
    const open = await startTestServer({ environment });
    const status = (key: string) => statusOf("/v1/models", key === "" ? {} : { authorization: `Bearer ${key}` }, open.url);
    expect(await Promise.all(["", "sk-anything", "key-of-team-a", "key-of-the-old"].map(status))).toEqual([200, 200, 200, 401]);
    const load = (headers: Record<string, string>) =>
      fetch(`${open.url}/parley.v1.ModelService/UnloadModel`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-forwarded-for": "10.0.0.1", ...headers },
        body: '{"model":"echo"}',
      }).then(({ status: code }) => code);
    const sent = [{}, { "x-api-key": "sk-anything" }, { "x-api-key": "key-of-team-a" }, { "x-api-key": "key-of-the-boss" }];
    expect(await Promise.all(sent.map(load))).toEqual([403, 403, 403, 400]);
    await open.close();
  });

  it("is said in one line where there are none", async () => {
    const open = await startTestServer();
    const warnings = open.log.filter(({ level, message }) => level === "warn" && message.includes("keys"));
    expect(warnings.map(({ message }) => message)).toEqual(["no keys: every program on this machine is served"]);
    await open.close();
    expect(server.log.filter(({ message }) => message.startsWith("no keys"))).toEqual([]);
  });
});

it("a service that runs locks when its first key is made", async () => {
  const data = await temporaryFolder();
  const running = await startTestServer({ environment: { LLM_DATA_DIR: data } });
  expect(await statusOf("/v1/models", {}, running.url)).toBe(200);
  writeKeys(keysIn(data), stored);
  await expect.poll(() => statusOf("/v1/models", {}, running.url), { timeout: 10_000 }).toBe(401);
  expect(await statusOf("/v1/models", { "x-api-key": "key-of-team-a" }, running.url)).toBe(200);
  await running.close();
});

it("no key is in the log, the metrics or an error", async () => {
  const error = await chat("key-of-nobody-at-all").catch((thrown: unknown) => thrown);
  const metrics = await (await fetch(`${server.server.adminUrls[0]}/metrics`)).text();
  const told = [inspect(server.log, { depth: 12, maxArrayLength: null }), metrics, inspect(error)].join("\n");
  for (const key of [...stored.map((each) => each.key ?? ""), "given-plain-key", "given-tenant-key", "key-of-nobody-at-all"])
    expect(told).not.toContain(key);
  expect(told).toContain("keyId: 'environment-2'");
});

it("a key that the environment names twice is named by its place there", async () => {
  const starting = startTestServer({ environment: { LLM_API_KEYS: "one-plain-key,team-a:other-key,one-plain-key" } });
  await expect(starting).rejects.toThrow("LLM_API_KEYS: its key 3 stands there twice");
});
