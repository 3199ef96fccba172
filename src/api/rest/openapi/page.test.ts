import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import type { Page as Tab } from "playwright-core";
import { chromiumTab } from "../../../testing/chromium-page.ts";
import { startTestServer, type TestServer } from "../../../testing/test-server.ts";
import { describeWith } from "../../../testing/tools.ts";

const key = "a-key-of-the-page-test-0123456789";

// A browser takes its time where the machine is busy.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

describeWith("chromium", "the page at /docs", () => {
  let server: TestServer;
  let tab: Tab;
  let closeTab: () => Promise<void>;
  const asked: string[] = [];
  const complaints: string[] = [];
  beforeAll(async () => {
    server = await startTestServer({ models: { tiny: {} }, environment: { LLM_API_KEYS: key } });
    ({ tab, close: closeTab } = await chromiumTab());
    tab.setDefaultTimeout(8_000);
    tab.on("request", (request) => asked.push(request.url()));
    tab.on("pageerror", (error) => complaints.push(error.message));
    tab.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  }, 60_000);
  afterAll(async () => {
    await closeTab();
    await server.close();
  });
  beforeEach(async () => {
    complaints.length = 0;
    await open("postV1ChatCompletions");
    await tab.getByLabel("Key").fill(key);
  });

  async function open(operation: string): Promise<void> {
    await tab.goto("about:blank");
    await tab.goto(`${server.url}/docs#${operation}`);
    await tab.getByRole("button", { name: "Send" }).waitFor();
  }

  /** Sends what the page holds, and waits for the end of the answer. */
  async function send(): Promise<{ readonly status: string; readonly answer: string }> {
    await tab.getByRole("button", { name: "Send" }).click();
    const status = tab.getByRole("status");
    await status.filter({ hasText: "characters" }).waitFor();
    return { status: (await status.textContent()) ?? "", answer: (await tab.locator("pre.answer").textContent()) ?? "" };
  }

  it("sends a request and shows what was answered", async () => {
    const { status, answer } = await send();
    expect(status).toMatch(/^200 OK/);
    expect(JSON.parse(answer)).toMatchObject({ object: "chat.completion", choices: [{ message: { content: "Say hello." } }] });
    expect(complaints).toEqual([]);
  });

  it("shows a stream", async () => {
    await tab.getByLabel("stream", { exact: true }).check();
    const { answer } = await send();
    expect(answer).toMatch(/^data: \{.*"chat\.completion\.chunk"[^]*data: \[DONE\]\n\n$/);
  });

  it("shows an error, and what is missing where no key was typed", async () => {
    await tab.getByLabel("Key").fill("");
    const { status, answer } = await send();
    expect([status, answer]).toEqual([expect.stringMatching(/^401/), expect.stringContaining("a key is required")]);
    await tab.getByLabel("Body").fill("{");
    await tab.getByLabel("Key").fill(key);
    expect((await send()).status).toMatch(/^400/);
  });

  it("fills in what stands in a path, slashes included", async () => {
    await open("getV1ModelsId");
    await tab.getByLabel("Key").fill(key);
    await tab.getByLabel("id").fill("org/nobody");
    const { status, answer } = await send();
    expect([status, answer]).toEqual([expect.stringMatching(/^404/), expect.stringContaining('no model \\"org/nobody\\"')]);
  });

  it("makes no markup of what a model says", async () => {
    const content = "<img src=x onerror=alert(1)><script>alert(1)</script>";
    await tab.getByLabel("Body").fill(JSON.stringify({ model: "echo", messages: [{ role: "user", content }] }));
    expect((await send()).answer).toContain(content);
    expect(await tab.locator("img, main script").count()).toBe(0);
  });

  it("begins with a model that is there, and lets another be chosen", async () => {
    await open("postTokenize");
    await tab.getByLabel("Key").fill(key);
    const models = tab.getByLabel("Model", { exact: true });
    await models.focus();
    await models.locator("option", { hasText: "tiny" }).waitFor({ state: "attached" });
    expect(JSON.parse(await tab.getByLabel("Body").inputValue())).toMatchObject({ model: "tiny" });
    expect((await send()).status).toMatch(/^200 OK/);
    await models.selectOption("echo");
    expect(JSON.parse(await tab.getByLabel("Body").inputValue())).toMatchObject({ model: "echo", content: "Say hello." });
  });

  it("shows the same as a command, without the key", async () => {
    await tab.getByText("As a command").click();
    const command = await tab.locator("pre.curl").textContent();
    expect(command).toMatch(/^curl -X POST 'http:\/\/127\.0\.0\.1:\d+\/v1\/chat\/completions' \\\n[^]*-d '\{/);
    expect(command).not.toContain(key);
  });

  it("lists every route, and finds one", async () => {
    const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as { readonly paths: Record<string, object> };
    const count = Object.values(document.paths).flatMap((methods) => Object.keys(methods)).length;
    const links = tab.locator("#routes a");
    expect(await links.count()).toBe(count);
    await tab.getByLabel("Find a route").fill("embeddings");
    expect(await links.count()).toBeLessThan(count / 2);
    await links.filter({ hasText: "/v1/embeddings" }).click();
    await tab.getByRole("heading", { name: "Turn texts into vectors" }).waitFor();
  });

  it("asks nobody but the service it came from", () => {
    expect(asked.filter((url) => !url.startsWith(server.url) && !/^(about|data):/.test(url))).toEqual([]);
  });

  it("may run no script but its own files, and makes no element of text", async () => {
    const policy = (await fetch(`${server.url}/docs`)).headers.get("content-security-policy");
    expect(policy).toMatch(/default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'/);
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    const page = await (await fetch(`${server.url}/docs`)).text();
    expect(page).not.toMatch(/<script(?![^>]*\ssrc=)|<style| style=| on\w+=/);
    expect(await tab.evaluate(`try { document.body.innerHTML = "<b>"; "made" } catch (error) { error.name }`)).toBe("TypeError");
  });

  it("has no other files", async () => {
    for (const name of ["", "page.html", "tsconfig.json", "../page-files.ts", "%2e%2e/page-files.ts"])
      expect([name, (await fetch(`${server.url}/docs/${name}`, { headers: { "x-api-key": key } })).status]).toEqual([name, 404]);
  });
});
