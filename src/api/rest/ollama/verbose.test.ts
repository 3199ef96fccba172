import { expect, it } from "vitest";
import { startTestServer } from "../../../testing/test-server.ts";

it("a model is shown to who wants more of it than is told", async () => {
  const server = await startTestServer({ models: { tiny: {} } });
  const show = async (verbose: boolean): Promise<unknown> => {
    const response = await fetch(`${server.url}/api/show`, { method: "POST", body: JSON.stringify({ model: "tiny", verbose }) });
    return [response.status, await response.json()];
  };
  expect(await show(true)).toEqual(await show(false));
  expect(await show(true)).toEqual([200, expect.objectContaining({ model_info: expect.any(Object) as object })]);
  await server.close();
});
