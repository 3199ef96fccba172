import { expect, it, onTestFinished } from "vitest";
import { ModelState } from "../../gen/parley/v1/models_pb.ts";
import { startTestServer } from "../testing/test-server.ts";

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
