import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { chromium, type Page as Tab } from "playwright-core";
import type { Page } from "./browser/page.ts";
import { chromiumPath } from "./tools.ts";

/** A name that means this machine to Chromium. */
export const reboundName = "rebound.example";

/** Without these Chromium asks the network for updates and the like. Certificates of tests are nobody's. */
const quiet = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--ignore-certificate-errors",
  `--host-resolver-rules=MAP ${reboundName} 127.0.0.1`,
];

/** The page of `browser/page.ts` in Chromium. */
export interface ChromiumPage {
  /** Where it was served from. */
  readonly origin: string;
  /** Calls a function of the page, in the page. */
  run<Name extends keyof Page>(name: Name, ...values: Parameters<Page[Name]>): Promise<Awaited<ReturnType<Page[Name]>>>;
  /** Gives up the port that the page was served from; the page stays. */
  stopServing(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the page, from an origin of its own. */
export async function chromiumPage(host = "localhost"): Promise<ChromiumPage> {
  const bundle = await build({
    entryPoints: [join(import.meta.dirname, "browser", "page.ts")],
    bundle: true,
    write: false,
    format: "iife",
  });
  const pages = await servePages(bundle.outputFiles[0]?.text ?? "");
  const origin = `http://${host}:${(pages.address() as AddressInfo).port}`;
  const { tab, close } = await chromiumTab();
  await tab.goto(origin);
  return {
    origin,
    run: (name, ...values) => tab.evaluate(`parley[${JSON.stringify(name)}](...${JSON.stringify(values)})`),
    async stopServing() {
      pages.closeAllConnections();
      await new Promise((resolve) => pages.close(resolve));
    },
    async close() {
      await close();
      pages.closeAllConnections();
      pages.close();
    },
  };
}

/** An empty tab of a Chromium of its own. */
export async function chromiumTab(): Promise<{ readonly tab: Tab; readonly close: () => Promise<void> }> {
  const profile = await mkdtemp(join(tmpdir(), "parley-chromium-"));
  const browser = await chromium.launchPersistentContext(profile, { executablePath: chromiumPath, headless: true, args: quiet });
  return {
    tab: await browser.newPage(),
    async close() {
      await browser.close();
      await rm(profile, { recursive: true });
    },
  };
}

async function servePages(script: string): Promise<Server> {
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "text/html");
    response.end(
      `<!doctype html><title>test</title><link rel="icon" href="data:,"><script>${script.replaceAll("</script", "<\\/script")}</script>`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
