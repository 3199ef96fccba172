import OpenAI from "openai";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { startTestServer, type TestServer } from "../test-server.ts";

// Models are loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let server: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  server = await startTestServer({ models: { filler: { fillsGaps: true }, writer: {} } });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
});
afterAll(() => server.close());

const asked = { prompt: "abc", suffix: "xyz", max_tokens: 4, temperature: 0 };

it("a gap is filled where the model has tokens for it: they, the text before and the text behind are what it reads", async () => {
  const [gap, plain] = [
    await openai.completions.create({ ...asked, model: "filler" }),
    await openai.completions.create({ model: "filler", prompt: "abc", max_tokens: 4 }),
  ];
  expect([gap.usage?.prompt_tokens, plain.usage?.prompt_tokens]).toEqual([3 + 3 + 3, 3]);
  expect(gap.choices).toMatchObject([{ finish_reason: "length", text: expect.any(String) }]);
});

it("a gap is refused by name where the model has none", async () => {
  const failed = openai.completions.create({ ...asked, model: "writer" });
  await expect(failed).rejects.toMatchObject({ status: 400, param: "suffix", code: "unsupported_parameter" });
});
