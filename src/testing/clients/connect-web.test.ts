import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { chromium, type BrowserContext, type Page as Tab } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Page } from "../browser/page.ts";
import { startTestServer, type TestServer } from "../test-server.ts";
import { chromiumPath, describeWith } from "../tools.ts";

/** Without these Chromium asks the network for updates and the like. */
const quiet = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

describeWith("chromium", "connect-web in Chromium, from a page of another origin", () => {
  let pages: Server;
  let server: TestServer;
  let browser: BrowserContext;
  let tab: Tab;
  let profile: string;

  beforeAll(async () => {
    const bundle = await build({
      entryPoints: [join(import.meta.dirname, "..", "browser", "page.ts")],
      bundle: true,
      write: false,
      format: "iife",
    });
    pages = await servePages(bundle.outputFiles[0]?.text ?? "");
    const { port } = pages.address() as AddressInfo;
    const origin = `http://localhost:${port}`;
    const configuration = { LLM_CORS_ORIGINS: origin };
    server = await startTestServer({ models: { tiny: { contextLength: 4096 } }, environment: configuration });
    profile = await mkdtemp(join(tmpdir(), "parley-chromium-"));
    browser = await chromium.launchPersistentContext(profile, { executablePath: chromiumPath, headless: true, args: quiet });
    tab = await browser.newPage();
    await tab.goto(origin);
    // The model is loaded by the first call: not in the time that a test looks at.
    await inPage(tab, "stream", "gRPC-Web", server.url);
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await server.close();
    pages.closeAllConnections();
    pages.close();
    await rm(profile, { recursive: true });
  });

  const transports = ["Connect, JSON", "Connect, binary", "gRPC-Web"];

  it.each(transports)("gets a whole answer by %s", async (transport) => {
    expect(await inPage(tab, "unary", transport, server.url)).toBe("say it again");
  });

  it.each(transports)("gets a stream as it is written by %s", async (transport) => {
    const { kinds, text, firstTextShare } = await inPage(tab, "stream", transport, server.url);
    expect(kinds).toEqual(["accepted", "started", "text", "finished", "completed"]);
    expect(text).not.toBe("");
    // Held back anywhere on the way, all of it would come at the end.
    expect(firstTextShare).toBeLessThan(0.6);
  });

  it.each(transports)("leaves a stream by %s, and the model serves the next", async (transport) => {
    expect(await inPage(tab, "abort", transport, server.url)).toBe("Canceled");
    expect((await inPage(tab, "stream", transport, server.url)).kinds.at(-1)).toBe("completed");
  });

  it.each(transports)("sees the code, the words and the request id of an error by %s", async (transport) => {
    const error = await inPage(tab, "error", transport, server.url);
    expect(error).toMatchObject({
      code: "NotFound",
      message: expect.stringContaining("nobody"),
      requestId: expect.stringMatching(/^req_/),
    });
  });

  it("reads by GET", async () => {
    expect(await inPage(tab, "get", server.url)).toEqual(expect.arrayContaining(["echo", "tiny"]));
  });

  it("calls the OpenAI route with the headers of its SDKs", async () => {
    expect(await inPage(tab, "rest", server.url)).toEqual({ text: "from a page", requestId: expect.stringMatching(/^req_/) });
  });

  it("is kept out when its origin is not listed", async () => {
    const closed = await startTestServer();
    expect(await inPage(tab, "refused", closed.url)).toMatch(/fetch/i);
    await closed.close();
  });
});

/** Calls a function of the page, in the page. */
function inPage<Name extends keyof Page>(
  tab: Tab,
  name: Name,
  ...values: Parameters<Page[Name]>
): Promise<Awaited<ReturnType<Page[Name]>>> {
  const call = `parley[${JSON.stringify(name)}](...${JSON.stringify(values)})`;
  return tab.evaluate(call);
}

async function servePages(script: string): Promise<Server> {
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "text/html");
    response.end(
      `<!doctype html><title>test</title><link rel="icon" href="data:,"><script>${script.replaceAll("</script", "<\\/script")}</script>`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return server;
}
