import { describe, expect, it } from "vitest";
import { serviceWith, upstreamFor } from "./upstream-service.ts";
import { anthropicScenes } from "./upstream/scenes.ts";

// What Anthropic's clients say in words that no other format has: to an upstream of Anthropic's it goes up as it was said.

type Body = Readonly<Record<string, unknown>>;

async function pipe(quirks: Readonly<Record<string, string>> = {}) {
  const upstream = await upstreamFor({ models: anthropicScenes });
  const upstreams = ["openai", "anthropic"].map((kind) => ({
    name: kind,
    kind,
    baseUrl: upstream.url,
    apiKeys: ["sk-scripted"],
    ...(kind === "anthropic" && { quirks }),
  }));
  const { url } = await serviceWith({}, { upstreams });
  return async (more: Body, { kind = "anthropic", headers = {} }: { kind?: string; headers?: Record<string, string> } = {}) => {
    const response = await fetch(`${url}/v1/messages`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ model: `${kind}/text`, max_tokens: 5120, messages: [{ role: "user", content: "hi" }], ...more }),
    });
    const answer = (await response.json()) as { readonly error?: { readonly message: string } };
    const asked = upstream.requests.at(-1);
    return {
      status: response.status,
      message: answer.error?.message ?? "",
      count: upstream.requests.length,
      heard: asked?.body ?? {},
      betas: asked?.headers["anthropic-beta"],
    };
  };
}

const effort = (word: string) => ({ output_config: { effort: word } });

describe("how a model of Anthropic's is to think", () => {
  it.each<[string, Body]>([
    ["an effort alone", effort("low")],
    ["an effort within a small limit", { max_tokens: 100, ...effort("low") }],
    ["an effort beside a temperature", { temperature: 0.3, ...effort("high") }],
    [
      "an effort beside a tool that must be called",
      { tools: [{ name: "f", input_schema: { type: "object" } }], tool_choice: { type: "any" }, ...effort("medium") },
    ],
    ["adaptive", { thinking: { type: "adaptive" } }],
    ["adaptive within a small limit", { thinking: { type: "adaptive", display: "summarized" }, max_tokens: 512, ...effort("max") }],
    ["between calls of tools", { thinking: { type: "between_tools" } }],
    [
      "a budget, an effort, and how it is told",
      { thinking: { type: "enabled", budget_tokens: 1024, display: "omitted" }, ...effort("low") },
    ],
    ["not at all, with an effort", { thinking: { type: "disabled" }, ...effort("low") }],
  ])("goes up as it was said: %s", async (_name, more) => {
    const ask = await pipe();
    const { status, heard } = await ask(more);
    expect([status, heard["thinking"], heard["output_config"], heard["max_tokens"]]).toEqual([
      200,
      more["thinking"],
      more["output_config"],
      more["max_tokens"] ?? 5120,
    ]);
  });

  it("is an effort for models that know no budgets", async () => {
    const ask = await pipe({ thinking: "adaptive" });
    const { status, heard } = await ask({ thinking: { type: "enabled", budget_tokens: 1024, display: "omitted" }, ...effort("max") });
    expect([status, heard["thinking"], heard["output_config"]]).toEqual([
      200,
      { type: "adaptive", display: "omitted" },
      effort("max").output_config,
    ]);
  });

  it("is told to models of others in their words, and those of Anthropic's alone are left out", async () => {
    const ask = await pipe();
    const management = { edits: [{ type: "clear_thinking_20251015" }] };
    const said = await ask({ thinking: { type: "between_tools" }, context_management: management, ...effort("low") }, { kind: "openai" });
    expect([said.status, said.heard["reasoning_effort"], "context_management" in said.heard]).toEqual([200, "none", false]);
    const { heard } = await ask(effort("low"), { kind: "openai" });
    expect(heard["reasoning_effort"]).toBe("low");
  });

  it.each([
    ["below the fewest there are", { thinking: { type: "enabled", budget_tokens: 10 } }],
    ["not below the limit", { thinking: { type: "enabled", budget_tokens: 5000 }, max_tokens: 4096 }],
    ["beyond a limit that is smaller than any", { thinking: { type: "enabled", budget_tokens: 2000 }, max_tokens: 1024 }],
  ])("is refused with a budget that is %s, whoever would answer", async (_name, more) => {
    const ask = await pipe();
    for (const kind of ["anthropic", "openai"]) {
      const { status, message, count } = await ask(more, { kind });
      expect([status, message.split(":")[0], count]).toEqual([400, "thinking.budget_tokens", 0]);
    }
  });
});

describe("betas of Anthropic's API", () => {
  it("are asked for as the caller did, with what they bring", async () => {
    const ask = await pipe();
    const management = { edits: [{ type: "clear_tool_uses_20250919", trigger: { type: "input_tokens", value: 30_000 } }] };
    const headers = { "anthropic-beta": "claude-code-20250219, context-management-2025-06-27,claude-code-20250219" };
    const { status, heard, betas } = await ask({ context_management: management }, { headers });
    expect([status, heard["context_management"], betas]).toEqual([200, management, "claude-code-20250219,context-management-2025-06-27"]);
  });

  it("stand beside the one for files", async () => {
    const ask = await pipe();
    const content = [{ type: "document", source: { type: "file", file_id: "file_1" } }];
    const { betas } = await ask({ messages: [{ role: "user", content }] }, { headers: { "anthropic-beta": "a-1" } });
    expect(betas).toBe("a-1,files-api-2025-04-14");
  });

  it("let a budget go beyond the limit where thinking may stand between calls of tools", async () => {
    const ask = await pipe();
    const thinking = { type: "enabled", budget_tokens: 8192, display: "summarized" };
    const { status, heard } = await ask({ thinking }, { headers: { "anthropic-beta": "interleaved-thinking-2025-05-14" } });
    expect([status, heard["thinking"], heard["max_tokens"]]).toEqual([200, thinking, 5120]);
  });

  it.each([
    ["a name that would be another header", { "anthropic-beta": "a: b" }, {}, "anthropic-beta"],
    ["a name that is too long", { "anthropic-beta": "a".repeat(65) }, {}, "anthropic-beta"],
    ["too many", { "anthropic-beta": Array.from({ length: 33 }, (_, index) => `b-${index}`).join(",") }, {}, "anthropic-beta"],
    ["rules that are none", {}, { context_management: "all" }, "context_management"],
    ["rules without end", {}, { context_management: { edits: ["x".repeat(16_384)] } }, "context_management"],
  ])("are refused by name: %s", async (...[, headers, more, field]) => {
    const ask = await pipe();
    const { status, message, count } = await ask(more, { headers });
    expect([status, message.split(":")[0], count]).toEqual([400, field, 0]);
  });
});
