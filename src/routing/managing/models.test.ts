import { expect, it, onTestFinished } from "vitest";
import { reasonOf } from "../../core/reasons.ts";
import { failureOf } from "../../testing/collect-events.ts";
import { ModelState } from "../../../gen/parley/v1/models_pb.ts";
import { startTestServer } from "../../testing/test-server.ts";

it("models that can be pulled name the provider that would serve them", async () => {
  const running = await startTestServer({ models: { tiny: {} } });
  onTestFinished(() => running.close());
  const { models } = running.server.service;
  const { signal } = new AbortController();
  const listed = await models.list({ includeCatalog: true, signal });
  expect(new Set(listed.map(({ state, provider }) => `${state} ${provider}`))).toEqual(
    new Set([`${ModelState.READY} echo`, `${ModelState.ON_DISK} llama-cpp`, `${ModelState.CATALOG} llama-cpp`]),
  );
  expect(await models.get("smollm2-135m-instruct", signal)).toMatchObject({ state: ModelState.CATALOG, provider: "llama-cpp" });
});

it("a model that nobody serves is not found by its name", async () => {
  const running = await startTestServer({ models: { tiny: {} } });
  onTestFinished(() => running.close());
  const error = await failureOf(running.server.service.models.get("nobody", new AbortController().signal));
  expect([reasonOf(error), (error as Error).message]).toEqual(["model_not_found", expect.stringContaining("nobody")]);
});

it("a model that does not chat never becomes the default", async () => {
  const running = await startTestServer({ encoders: { encoder: {} } });
  onTestFinished(() => running.close());
  const error = await failureOf(running.server.service.models.setDefault("encoder", new AbortController().signal));
  expect([reasonOf(error), running.server.defaultModel()]).toEqual(["model_state", "echo"]);
});
