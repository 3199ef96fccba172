import { expect, it, onTestFinished, vi } from "vitest";
import { ModelState } from "../../../../gen/parley/v1/models_pb.ts";
import { reasonOf } from "../../../core/reasons.ts";
import { startTestServer } from "../../../testing/test-server.ts";

vi.setConfig({ testTimeout: 60_000 });

const never = new AbortController().signal;

async function busyService() {
  const started = await startTestServer({ models: { tiny: {} }, load: { sequences: 2, contextLength: 2048 } });
  onTestFinished(() => started.close());
  const { url, server, log } = started;
  const leave = new AbortController();
  const body = JSON.stringify({ model: "tiny", stream: true, max_tokens: 1900, messages: [{ role: "user", content: "hello" }] });
  const stream = await fetch(`${url}/chat/completions`, { method: "POST", body, signal: leave.signal });
  await stream.body?.getReader().read();
  const { models } = server.service;
  const known = () => models.get("tiny", never);
  return { url, log, models, known, endStream: () => leave.abort() };
}

it("a model that is to be loaded in another way is loaded so though who asked has left: it does not stay unloaded", async () => {
  const { url, log, models, known, endStream } = await busyService();
  // The model's streams are waited for from here on.
  const unloads = vi.spyOn(models, "unload");
  const begun = vi.waitFor(() => expect(unloads).toHaveBeenCalled(), { timeout: 10_000, interval: 5 });
  const leave = new AbortController();
  const body = JSON.stringify({ model_name: "tiny.gguf", load_model_configs: { n_ctx: 128 } });
  const set = fetch(`${url}/setModel`, { method: "POST", body, signal: leave.signal }).catch(() => "left");
  await begun;
  leave.abort();
  expect(await set).toBe("left");
  const ended = () => log.some(({ facts }) => facts["procedure"] === "POST /setModel");
  await vi.waitFor(() => expect(ended()).toBe(true), { timeout: 10_000, interval: 5 });
  endStream();
  await vi.waitFor(async () => expect(await known()).toMatchObject({ state: ModelState.READY, contextLength: 128 }), {
    timeout: 20_000,
    interval: 20,
  });
});

it("nothing is unloaded for who has left, and who leaves waits for no stream", async () => {
  const { models, known } = await busyService();
  const reasonsOf = (signal: AbortSignal) => models.unload("tiny", signal).then(() => undefined, reasonOf);
  expect(await reasonsOf(AbortSignal.abort())).toBe("caller_gone");
  expect((await known()).state).toBe(ModelState.READY);
  const leave = new AbortController();
  const waiting = reasonsOf(leave.signal);
  leave.abort();
  expect(await waiting).toBe("caller_gone");
});
