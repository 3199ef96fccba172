import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { reasonOf } from "../../core/reasons.ts";
import { Secret } from "../../core/secret.ts";
import { systemClock } from "../../core/clock.ts";
import { defaultLimits } from "../../core/limits.ts";
import type { Provider } from "../../core/ports.ts";
import { rawDialect } from "../../dialects/raw/upstream/dialect.ts";
import { testContext } from "../../testing/call-context.ts";
import { eventsOf, failureOf, textOf } from "../../testing/collect-events.ts";
import { upstreamSettings } from "../../testing/http-provider.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { httpProviders } from "./http.ts";
import { startUpstream } from "../../testing/upstream/upstream.ts";

function rawProvider(baseUrl: string, key = "none"): Provider {
  const settings = upstreamSettings({ baseUrl, kind: "raw", apiKeys: [new Secret(key)] });
  const proxy = { http: undefined, https: undefined, none: undefined };
  const [provider] = httpProviders({ settings, dialect: rawDialect(), proxy, limits: defaultLimits, clock: systemClock });
  if (provider === undefined) throw new Error("there is no provider");
  return provider;
}

describe("an upstream of the raw format", () => {
  it("is asked with its key, whole and as a stream", async () => {
    const upstream = await startUpstream({ keys: ["sk-raw-1"] });
    const provider = rawProvider(upstream.url, "sk-raw-1");
    const request = userRequest("why?", { model: "any", maxTokens: 4 });
    for (const isWhole of [true, false])
      expect(textOf(await eventsOf(provider.generate(request, { ...testContext(request), isWhole })))).toBe("one two three");
    await provider.close();
    expect(upstream.requests.map(({ path, body }) => [path, body])).toEqual(
      Array.from({ length: 2 }, () => ["/llm", { prompt: "why?", max_tokens: 4 }]),
    );
    await upstream.close();
  });

  it("fails as itself: broken off, refused, and asked for nothing", async () => {
    const upstream = await startUpstream({
      turns: [{ fault: { is: "cut", after: 0 } }, { fault: { is: "refusal", cause: "server-error" } }, { fault: { is: "html" } }],
    });
    const provider = rawProvider(upstream.url);
    const ask = async (request = userRequest("why?")) =>
      reasonOf(await failureOf(eventsOf(provider.generate(request, { ...testContext(request), isWhole: false }))));
    expect([await ask(), await ask(), await ask()]).toEqual(["provider_truncated", "provider_error", "provider_malformed"]);
    expect(await ask(create(ChatRequestSchema, {}))).toBe("invalid_request");
    await provider.close();
    await upstream.close();
  });
});
