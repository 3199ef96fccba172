import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { authority } from "../certificates.ts";
import { chromiumPage, type ChromiumPage } from "../chromium-page.ts";
import { sharedFolder } from "../temporary-folder.ts";
import { startTestServer, type TestServer } from "../test-server.ts";
import { describeWith } from "../tools.ts";

const key = "a-key-of-the-environment";

/** What makes a service speak TLS, and want a key. */
function locked(): Record<string, string> {
  const folder = sharedFolder();
  const pair = authority("test").issue(["127.0.0.1"]);
  const [LLM_TLS_CERT_FILE, LLM_TLS_KEY_FILE] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  writeFileSync(LLM_TLS_CERT_FILE, pair.certificate);
  writeFileSync(LLM_TLS_KEY_FILE, pair.key);
  return { LLM_TLS_CERT_FILE, LLM_TLS_KEY_FILE, LLM_API_KEYS: key };
}

const ways: readonly (readonly [string, () => Record<string, string>])[] = [
  ["as it is", () => ({})],
  ["over TLS, with a key", locked],
];

for (const [way, setting] of ways)
  describeWith("chromium", `connect-web in Chromium, from a page of another origin, ${way}`, () => {
    const environment = setting();
    let server: TestServer;
    let page: ChromiumPage;

    beforeAll(async () => {
      page = await chromiumPage();
      server = await startTestServer({
        models: { tiny: { contextLength: 4096 } },
        environment: { ...environment, LLM_CORS_ORIGINS: page.origin },
      });
      await page.run("show", environment["LLM_API_KEYS"] ?? "");
      // The model is loaded by the first call: not in the time that a test looks at.
      await page.run("stream", "gRPC-Web", server.url);
    }, 60_000);
    afterAll(async () => {
      await page.close();
      await server.close();
    });

    const transports = ["Connect, JSON", "Connect, binary", "gRPC-Web"];

    it.each(transports)("gets a whole answer by %s", async (transport) => {
      expect(await page.run("unary", transport, server.url)).toBe("say it again");
    });

    it.each(transports)("gets a stream as it is written by %s", async (transport) => {
      const { kinds, text, firstTextShare } = await page.run("stream", transport, server.url);
      expect(kinds).toEqual(["accepted", "started", "text", "finished", "completed"]);
      expect(text).not.toBe("");
      // Held back anywhere on the way, all of it would come at the end; on a busy machine the beginning takes its time.
      expect(firstTextShare).toBeLessThan(0.85);
    });

    it.each(transports)("leaves a stream by %s, and the model serves the next", async (transport) => {
      expect(await page.run("abort", transport, server.url)).toBe("Canceled");
      expect((await page.run("stream", transport, server.url)).kinds.at(-1)).toBe("completed");
    });

    it.each(transports)("sees the code, the words and the request id of an error by %s", async (transport) => {
      const error = await page.run("error", transport, server.url);
      expect(error).toMatchObject({
        code: "NotFound",
        message: expect.stringContaining("nobody"),
        requestId: expect.stringMatching(/^req_/),
      });
    });

    if (environment["LLM_API_KEYS"] !== undefined)
      it.each(transports)("is told by %s that its key is wrong", async (transport) => {
        await page.run("show", "another-key");
        expect(await page.run("error", transport, server.url)).toMatchObject({
          code: "Unauthenticated",
          requestId: expect.stringMatching(/^req_/),
        });
        await page.run("show", key);
      });

    it("reads by GET", async () => {
      expect(await page.run("get", server.url)).toEqual(expect.arrayContaining(["echo", "tiny"]));
    });

    it("calls the OpenAI route with the headers of its SDKs", async () => {
      expect(await page.run("rest", server.url)).toEqual({ text: "from a page", requestId: expect.stringMatching(/^req_/) });
    });

    it("is kept out when its origin is not listed", async () => {
      const closed = await startTestServer();
      expect(await page.run("refused", closed.url)).toMatch(/fetch/i);
      await closed.close();
    });
  });
