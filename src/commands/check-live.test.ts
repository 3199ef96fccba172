import { PassThrough } from "node:stream";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { main } from "../main.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import type { RefusalCause } from "../testing/upstream/turn.ts";
import { startUpstream, type UpstreamOptions } from "../testing/upstream/upstream.ts";

async function upstreamFor(options: UpstreamOptions = {}) {
  const upstream = await startUpstream({ isStrict: false, ...options });
  onTestFinished(() => upstream.close());
  return upstream;
}

/** Runs the command; answers with the lines behind what was understood. */
async function check(variables: Record<string, string>, file = "{}", flags = ["--check", "--live"]) {
  const config = join(await temporaryFolder(), "parley.yaml");
  writeFileSync(config, file);
  const [out, err] = [new PassThrough({ encoding: "utf8" }), new PassThrough({ encoding: "utf8" })];
  const exitCode = await main(["serve", "--config", config, ...flags], { variables, out, err });
  const [, live = ""] = String(out.read() ?? "").split("the configuration is good\n");
  return { exitCode, live: live.trim().split("\n"), err: String(err.read() ?? "") };
}

const refusing = (cause: RefusalCause) => ({ turns: [{ fault: { is: "refusal" as const, cause } }] });

it("every upstream is asked with each of its keys", async () => {
  const upstream = await upstreamFor({ ids: ["gpt-4o-mini", "m"], keys: ["good", "better"] });
  const { exitCode, live } = await check({
    LLM_OPENAI_API_KEY: "good,better",
    LLM_OPENAI_BASE_URL: `${upstream.url}/v1`,
    LLM_LOG_LEVEL: "silent",
  });
  expect(live).toEqual([
    "openai key 1  fine: gpt-4o-mini answers, 2 models are listed",
    "openai key 2  fine: gpt-4o-mini answers, 2 models are listed",
  ]);
  expect(exitCode).toBe(0);
  expect(upstream.requests.map(({ key }) => key).toSorted()).toEqual(["better", "good"]);
});

it.each([
  ["wrong-key", /^huggingface key 1 {2}FAILS: huggingface refuses its token: configure one that begins with hf_/],
  ["gated", /^huggingface key 1 {2}FAILS: "meta-llama\/Llama-3.1-8B-Instruct" is a gated model at huggingface: accept its terms/],
  ["no-quota", /^huggingface key 1 {2}FAILS: huggingface: the quota or credit of its account is used up/],
  [
    "unknown-model",
    /^huggingface key 1 {2}FAILS: huggingface has no model "meta-llama\/Llama-3.1-8B-Instruct".*did you mean meta-llama\/Llama-3.2-8B-Instruct$/,
  ],
] as const)("what the operator has to do is said beforehand: %s", async (cause, line) => {
  const upstream = await upstreamFor({ ...refusing(cause), ids: ["x", "meta-llama/Llama-3.2-8B-Instruct"] });
  const variables = { HUGGINGFACE_API_KEY: "hf_s3cret", LLM_HUGGINGFACE_BASE_URL: `${upstream.url}/v1` };
  const { exitCode, live, err } = await check(variables);
  expect(live).toEqual([expect.stringMatching(line)]);
  expect([exitCode, err]).toEqual([1, ""]);
  expect(live.join()).not.toContain("s3cret");
});

it("one that fails does not hide the others, and who does not answer is named", async () => {
  const upstream = await upstreamFor({ keys: ["good"] });
  const file = `upstreams:
    - {name: a, kind: vllm, base_url: "${upstream.url}/v1", default_model: m, api_keys: [bad, good]}
    - {name: gone, kind: ollama, base_url: "http://127.0.0.1:9"}`;
  const { exitCode, live } = await check({}, file);
  expect(live).toEqual([
    expect.stringMatching(/^a key 1 {2}FAILS: a refuses its API key/),
    "a key 2  fine: m answers, 1 model is listed",
    expect.stringMatching(/^gone {5}FAILS: gone /),
  ]);
  expect(exitCode).toBe(1);
});

it("a refusal of the question itself is an answer: key and model are well", async () => {
  const upstream = await upstreamFor(refusing("invalid"));
  expect(await check({ OLLAMA_HOST: upstream.url })).toMatchObject({
    exitCode: 0,
    live: ["ollama  fine: llama3.1 answers, 1 model is listed"],
  });
});

it("who says nothing has failed, after its own time", async () => {
  const upstream = await upstreamFor({ turns: [{ fault: { is: "no-headers" } }] });
  const file = `upstreams: [{name: a, kind: vllm, base_url: "${upstream.url}/v1", default_model: m, timeout_seconds: 0.2}]`;
  const { exitCode, live } = await check({}, file);
  expect(live).toEqual(["a  FAILS: a did not answer within 200 ms"]);
  expect(exitCode).toBe(1);
});

it("models that routes and aliases name are asked too, and of `models` those that are not listed", async () => {
  const upstream = await upstreamFor({ ids: ["m", "listed"] });
  const at = `base_url: "${upstream.url}/v1", api_keys: [one, two]`;
  const file = `
aliases: {quick: a/aliased, other: listed}
routes:
  - {model: best, targets: [{upstream: a, model: routed}, {upstream: a, model: pinned, key: 2}]}
upstreams: [{name: a, kind: openai, ${at}, default_model: m, models: [listed, unlisted]}]`;
  const { exitCode, live } = await check({}, file);
  expect(live).toEqual([
    "a key 1  fine: m answers, routed answers, aliased answers, listed answers, unlisted answers, 2 models are listed",
    "a key 2  fine: m answers, routed answers, pinned answers, aliased answers, listed answers, unlisted answers, 2 models are listed",
  ]);
  expect(exitCode).toBe(0);
  const wrong = await upstreamFor({ turns: [{}, { fault: { is: "refusal", cause: "unknown-model" } }] });
  const route = `routes: [{model: best, targets: [{upstream: a, model: rooted}]}]`;
  const failing = await check({}, `${route}\nupstreams: [{name: a, kind: vllm, base_url: "${wrong.url}/v1", default_model: m}]`);
  expect(failing).toMatchObject({ exitCode: 1, live: [expect.stringContaining("FAILS: a has no model")] });
});

it("is offline without --live, and --live alone is a mistake", async () => {
  const upstream = await upstreamFor();
  expect(await check({ VLLM_URL: upstream.url }, "{}", ["--check"])).toMatchObject({ exitCode: 0, live: [""] });
  expect(upstream.connections.opened).toBe(0);
  expect(await check({}, "{}", ["--live"])).toMatchObject({ exitCode: 2, err: "parley: --live: says nothing without --check\n" });
  expect((await check({})).live).toEqual(["there is no upstream to ask"]);
});
