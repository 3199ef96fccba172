import { afterEach, expect, it } from "vitest";
import { chromiumPage, reboundName, type ChromiumPage } from "../chromium-page.ts";
import { startTestServer, type TestServer } from "../test-server.ts";
import { describeWith } from "../tools.ts";

describeWith("chromium", "a page whose own name comes to mean this machine", () => {
  let page: ChromiumPage;
  let server: TestServer;
  afterEach(async () => {
    await page.close();
    await server.close();
  });

  /** Opens the page, and puts a service where it came from. */
  async function rebind(name: string, environment: Record<string, string> = {}): Promise<void> {
    page = await chromiumPage(name);
    await page.stopServing();
    server = await startTestServer({ environment: { ...environment, LLM_PORT: new URL(page.origin).port } });
  }

  it("reads nothing, though its browser takes all of it for one origin", async () => {
    await rebind(reboundName);
    for (const path of [
      "/v1/models",
      "/health",
      "/metrics",
      "/parley.v1.ModelService/ListModels?connect=v1&encoding=json&message=%7B%7D",
    ]) {
      const { status, text } = await page.run("read", path);
      expect([path, status, text]).toEqual([path, 403, expect.stringContaining("is no name of this service")]);
    }
  }, 30_000);

  it("reads where its name was listed, and so does one of localhost", async () => {
    await rebind(reboundName, { LLM_HOSTS: reboundName });
    expect((await page.run("read", "/v1/models")).status).toBe(200);
    await page.close();
    await server.close();
    await rebind("localhost");
    expect((await page.run("read", "/v1/models")).status).toBe(200);
  }, 30_000);
});
