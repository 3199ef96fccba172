import { describe, expect, it } from "vitest";
import { ModelState } from "../gen/parley/v1/models_pb.ts";
import { reasonOf } from "./core/reasons.ts";
import { failureOf } from "./testing/collect-events.ts";
import { oneModelServer, serviceWith, upstreamFor } from "./testing/upstream-service.ts";

// Everything from the variable or the file to the upstream's socket, and back to a client of REST.

describe("a switch from Hugging Face to vLLM", () => {
  const asked = "intelia-llama-3.1-8b-aviculture";
  const real = "meta-llama/Llama-3.1-8B-Instruct";
  const common = { LLM_MODEL_ALIASES: `${asked}=${real}`, HUGGINGFACE_MODEL: real, PORT: "0", LOG_LEVEL: "INFO" };

  it("is a change of the environment only: clients ask for the same name, and answers repeat it", async () => {
    const huggingFace = await upstreamFor({ keys: ["hf_key"] });
    const before = await serviceWith({
      ...{ ...common, LLM_DEFAULT_PROVIDER: undefined, LLM_PROVIDER: "huggingface", HUGGINGFACE_API_KEY: "hf_key" },
      LLM_HUGGINGFACE_BASE_URL: `${huggingFace.url}/v1`,
    });
    expect(await before.ask({ model: asked })).toMatchObject({ status: 200, model: asked, by: `huggingface ${real} false` });
    const vllm = await upstreamFor();
    const after = await serviceWith({ ...common, LLM_DEFAULT_PROVIDER: undefined, LLM_PROVIDER: "vllm", VLLM_URL: vllm.url });
    expect(await after.ask({ model: asked })).toMatchObject({ status: 200, model: asked, by: `vllm ${real} false` });
    expect([huggingFace.requests[0], vllm.requests[0]].map((request) => [request?.path, request?.model, request?.key])).toEqual([
      ["/v1/chat/completions", real, "hf_key"],
      ["/v1/chat/completions", real, ""],
    ]);
  });
});

describe("an upstream of the environment", () => {
  it("answers requests that name no model with its own, by each of three formats", async () => {
    const upstream = await upstreamFor();
    const { ask } = await serviceWith({
      ...{ OPENAI_API_KEY: "k", LLM_OPENAI_BASE_URL: `${upstream.url}/v1`, LLM_DEFAULT_PROVIDER: "openai" },
      ...{ ANTHROPIC_API_KEY: "a", LLM_ANTHROPIC_BASE_URL: upstream.url, OLLAMA_HOST: upstream.url },
    });
    expect(await ask({})).toMatchObject({ model: "gpt-4o-mini", by: "openai gpt-4o-mini false" });
    expect(await ask({ model: "anthropic/claude-x" })).toMatchObject({ model: "anthropic/claude-x", by: "anthropic claude-x false" });
    expect(await ask({ model: "ollama/llama3.1:8b" })).toMatchObject({ model: "ollama/llama3.1:8b", by: "ollama llama3.1:8b false" });
    expect(upstream.requests.map(({ path, key }) => `${path} ${key}`)).toEqual(["/v1/chat/completions k", "/v1/messages a", "/api/chat "]);
  });

  it("is asked for the defaults of requests that say nothing", async () => {
    const upstream = await upstreamFor();
    const { ask } = await serviceWith({
      LLM_VLLM_BASE_URL: `${upstream.url}/v1`,
      LLM_DEFAULT_TEMPERATURE: "0.7",
      LLM_DEFAULT_MAX_TOKENS: "9",
    });
    await ask({ model: "vllm/m", temperature: 0.1 });
    expect(upstream.requests[0]?.body).toMatchObject({ temperature: 0.1, max_tokens: 9 });
  });

  it("without a name for its model is asked without one", async () => {
    const { url, seen } = await oneModelServer();
    const { ask } = await serviceWith({ LLM_DEFAULT_PROVIDER: "lan", LLM_BASE_URL: url, LLM_API_KEY: "k" });
    expect(await ask({})).toMatchObject({ model: "lan", by: "lan default false" });
    expect(seen).toEqual([
      { path: "/v1/chat/completions", authorization: "Bearer k", body: { messages: [{ role: "user", content: "hi" }] } },
    ]);
  });

  it("of the kind lan falls back to echo with a warning, and the answer names the model that served", async () => {
    const { ask, log } = await serviceWith({ LLM_DEFAULT_PROVIDER: "lan", LLM_BASE_URL: "http://127.0.0.1:9" });
    expect(await ask({ model: "mine" })).toMatchObject({ status: 200, model: "echo", by: "echo echo true" });
    expect(log.some(({ level, message }) => level === "warn" && message.includes("fallback"))).toBe(true);
  });

  it("may speak POST /llm alone, which older clients call the local provider", async () => {
    const upstream = await upstreamFor();
    const { ask, listed } = await serviceWith({ LLM_DEFAULT_PROVIDER: "local", LLM_URL: `${upstream.url}/llm` });
    expect(await ask({})).toMatchObject({ status: 200, model: "raw", by: "raw default false" });
    expect(upstream.requests.map(({ path }) => path)).toEqual(["/llm"]);
    expect(await listed()).toEqual(["raw/default"]);
  });

  it("does not delay the start, nor readiness, where it does not answer", async () => {
    const { server } = await serviceWith({ LLM_DEFAULT_PROVIDER: "vllm", VLLM_URL: "http://127.0.0.1:9" });
    expect(server.service.health.isReady()).toBe(true);
    expect(server.service.providers.list().map(({ name, kind }) => [name, kind])).toContainEqual(["vllm", "vllm"]);
    expect(server.service.providers.defaultProvider()).toBe("vllm");
  });
});

describe("an upstream of the file", () => {
  it("uses another of its keys where one is refused", async () => {
    const upstream = await upstreamFor({ keys: ["good"] });
    const file = { upstreams: [{ name: "two", kind: "openai", baseUrl: `${upstream.url}/v1`, apiKeys: ["bad", "good"] }] };
    const { ask } = await serviceWith({}, file);
    expect(await ask({ model: "two/m" })).toMatchObject({ status: 200, model: "two/m" });
    expect(upstream.requests.at(-1)?.key).toBe("good");
  });

  it("may be another Parley, over gRPC", async () => {
    const other = await serviceWith({});
    const { ask, listed } = await serviceWith({}, { upstreams: [{ name: "other", kind: "parley", baseUrl: `127.0.0.1:${other.port}` }] });
    expect(await ask({ model: "other/echo" })).toMatchObject({ status: 200, model: "other/echo", by: "other echo false" });
    expect(await ask({ model: "other" })).toMatchObject({ status: 200, model: "other", by: "other default false" });
    expect(await listed()).toEqual(["other/echo"]);
  });

  it("serves what a route says of it: the model there, parameters where the caller says none, and a fallback", async () => {
    const upstream = await upstreamFor({ models: { sick: { fault: { is: "refusal", cause: "unavailable" } } } });
    const file = {
      upstreams: [{ name: "up", kind: "vllm", baseUrl: `${upstream.url}/v1`, headers: { "x-team": "t" } }],
      routes: [
        {
          model: "smart",
          targets: [
            { upstream: "up", model: "sick" },
            { upstream: "up", model: "well", parameters: { maxTokens: 7, sampling: { temperature: 0.5 } } },
          ],
        },
      ],
    };
    const { ask } = await serviceWith({}, file);
    expect(await ask({ model: "smart", temperature: 1 })).toMatchObject({ status: 200, model: "well", by: "up well true" });
    expect(upstream.requests.at(-1)).toMatchObject({ body: { max_tokens: 7, temperature: 1 }, headers: { "x-team": "t" } });
  });

  it("is asked with the caller's own key where the operator lets callers bring theirs, and else with none of it", async () => {
    const upstream = await upstreamFor({ keys: ["theirs"] });
    const kind = { kind: "openai", baseUrl: `${upstream.url}/v1` };
    const { ask } = await serviceWith(
      {},
      {
        upstreams: [
          { ...kind, name: "open", clientKeys: true },
          { ...kind, name: "shut", apiKeys: ["own"] },
        ],
      },
    );
    const own = { "x-parley-upstream-key": "theirs" };
    expect(await ask({ model: "open/m" }, own)).toMatchObject({ status: 200 });
    expect((await ask({ model: "shut/m" }, own)).status).not.toBe(200);
    expect(upstream.requests.map(({ key }) => key)).not.toContain("own");
    expect(upstream.requests).toHaveLength(1);
  });

  it("has one queue for all of its models", async () => {
    const upstream = await upstreamFor({ turns: [{ fault: { is: "no-headers" } }] });
    const limits = { values: { targetQueue: 0, maxAttempts: 1 } };
    const file = { limits, upstreams: [{ name: "up", kind: "vllm", baseUrl: `${upstream.url}/v1`, concurrency: 1 }] };
    const { ask } = await serviceWith({}, file);
    const first = ask({ model: "up/a" }).catch(() => undefined);
    await upstream.held(1);
    expect((await ask({ model: "up/b" })).error).toContain("up is busy");
    await upstream.close();
    await first;
  });
});

it("names that callers make up stay few in metrics, and are asked for all the same", async () => {
  const upstream = await upstreamFor();
  const { ask, url } = await serviceWith({ LLM_VLLM_BASE_URL: `${upstream.url}/v1` }, { limits: { values: { askedModels: 2 } } });
  for (const name of ["a", "b", "c", "d", "a"])
    expect(await ask({ model: `vllm/${name}` })).toMatchObject({ status: 200, model: `vllm/${name}` });
  expect(upstream.requests.map(({ model }) => model)).toEqual(["a", "b", "c", "d", "a"]);
  const page = await (await fetch(`${url}/metrics`)).text();
  const labels = [...page.matchAll(/provider="vllm",model="([^"]*)"/g)].map(([, label]) => label);
  expect(new Set(labels)).toEqual(new Set(["a", "b", "other"]));
});

it("models that callers name have their own prices and names, however many others were made up", async () => {
  const upstream = await upstreamFor();
  const prices = { priced: { prompt: 1_000_000 }, "*": { prompt: 1 } };
  const file = { upstreams: [{ name: "up", kind: "vllm", baseUrl: `${upstream.url}/v1`, prices }], limits: { values: { askedModels: 1 } } };
  const { ask, url } = await serviceWith({}, file);
  for (const name of ["a", "b", "priced"]) expect(await ask({ model: `up/${name}` })).toMatchObject({ by: `up ${name} false` });
  const page = await (await fetch(`${url}/metrics`)).text();
  const charged = [...page.matchAll(/llm_charged_cost_total\{provider="up",model="([^"]*)"\} (.*)/g)].map(([, label, cost]) => [
    label,
    Number(cost) >= 1,
  ]);
  expect(Object.fromEntries(charged)).toEqual({ a: false, other: false, priced: true });
});

describe("the list of models", () => {
  it("has those of upstreams by ids that can be asked for, and the names of routes", async () => {
    const listing = await upstreamFor({ ids: ["m1", "org/m2"] });
    const file = {
      upstreams: [
        { name: "a", kind: "vllm", baseUrl: `${listing.url}/v1` },
        { name: "b", kind: "vllm", baseUrl: "http://127.0.0.1:9/v1", models: ["bare"] },
        { name: "dead", kind: "vllm", baseUrl: "http://127.0.0.1:9/v1" },
      ],
      routes: [{ model: "smart", targets: [{ upstream: "a", model: "m1" }] }],
    };
    const { ask, listed, log, models, signal } = await serviceWith({}, file);
    expect(await listed()).toEqual(["a/m1", "a/org/m2", "bare", "smart"]);
    await listed();
    expect(listing.listings).toHaveLength(1);
    expect(log.filter(({ message }) => message === "an upstream does not list its models")).toMatchObject([
      { facts: { provider: "dead" } },
    ]);
    expect(await ask({ model: "a/org/m2" })).toMatchObject({ status: 200, by: "a org/m2 false" });
    expect(await models.get("a/m1", signal)).toMatchObject({ id: "a/m1", provider: "a", state: ModelState.READY });
    expect(reasonOf(await failureOf(models.get("a/m3", signal)))).toBe("model_not_found");
    expect(await models.get("dead/m", signal)).toMatchObject({ id: "dead/m", provider: "dead" });
  });

  it("says of an upstream's model that it cannot be loaded or deleted, and lets it become the default", async () => {
    const upstream = await upstreamFor({ ids: ["m1"] });
    const { ask, models, signal, server } = await serviceWith({ LLM_VLLM_BASE_URL: `${upstream.url}/v1` });
    for (const work of [models.unload("vllm/m1", signal), models.remove("vllm/m1")])
      expect(reasonOf(await failureOf(work))).toBe("model_state");
    const { model } = await models.setDefault("vllm/m1", signal);
    expect([model.id, model.isDefault, server.defaultModel()]).toEqual(["vllm/m1", true, "vllm/m1"]);
    expect(await ask({})).toMatchObject({ model: "vllm/m1", by: "vllm m1 false" });
  });
});
