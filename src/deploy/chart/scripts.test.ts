import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startTestServer, type TestServer } from "../../testing/test-server.ts";
import { sharedFolder, temporaryFolder } from "../../testing/temporary-folder.ts";
import { run as ended, type Ended } from "../../testing/tools.ts";
import { chart } from "./helm.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

/** Runs one of the programs that the chart puts into pods. */
const script = (file: string, variables: Readonly<Record<string, string>>): Promise<Ended> => ended(process.execPath, [file], variables);

describe("what `helm test` runs", () => {
  const key = "parley_0123456789abcdefghij";
  let server: TestServer;
  let folder: string;

  beforeAll(async () => {
    folder = sharedFolder();
    const keys = [
      { id: "old", key: "parley_revoked_0123456789", revoked: "2026-01-01T00:00:00Z" },
      { id: "reader", key: "parley_reads_0123456789", scopes: ["models"] },
      { id: "generated", key },
    ];
    writeFileSync(join(folder, "keys.json"), JSON.stringify({ keys }));
    server = await startTestServer({ environment: { LLM_API_KEYS_FILE: join(folder, "keys.json") } });
  });
  afterAll(() => server.close());

  const chat = (text: string) => {
    writeFileSync(join(folder, "shown"), text);
    return script(join(chart, "files/chat-test.mjs"), { PARLEY_URL: server.url, PARLEY_KEY_FILE: join(folder, "shown") });
  };

  it("chats over REST and over gRPC, with a key or with a file of keys", async () => {
    for (const text of [key, readFileSync(join(folder, "keys.json"), "utf8")])
      expect(await chat(text)).toEqual({ exitCode: 0, stdout: "REST: echo answered\ngRPC: echo answered\n", stderr: "" });
  });

  it("fails where it is not served, and does not show the key", async () => {
    const { exitCode, stderr } = await chat("parley_unknown_0123456789");
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^REST: status 401: /);
    expect(stderr).not.toContain("parley_unknown");
    expect(await chat('{"keys":[{"id":"a","hash":"0"}]}')).toMatchObject({
      exitCode: 1,
      stderr: "the file of keys has no key that may chat\n",
    });
  });
});

describe("what fetches models", () => {
  const model = Buffer.alloc(300_000, "a model");
  const sha256 = createHash("sha256").update(model).digest("hex");
  const asked: IncomingHttpHeaders[] = [];
  let host: Server;
  let url: string;
  /** How many of the next requests are cut off in the middle. */
  let cuts = 0;

  beforeAll(async () => {
    host = createServer((request, response) => {
      asked.push(request.headers);
      response.writeHead(200, { "content-length": model.length });
      if (cuts-- > 0) response.write(model.subarray(0, 1000), () => response.destroy());
      else response.end(model);
    }).listen(0, "127.0.0.1");
    await once(host, "listening");
    url = `http://127.0.0.1:${(host.address() as AddressInfo).port}`;
  });
  afterAll(() => host.close());

  /** Lists models as the chart does, beside the program; answers with how it ended and where the models are. */
  async function fetched(models: readonly object[], variables: Readonly<Record<string, string>> = {}, into?: string) {
    const folder = await temporaryFolder();
    const directory = into ?? join(folder, "models");
    mkdirSync(directory, { recursive: true });
    cpSync(join(chart, "files/fetch-models.mjs"), join(folder, "fetch-models.mjs"));
    writeFileSync(join(folder, "models.json"), JSON.stringify(models));
    return { ...(await script(join(folder, "fetch-models.mjs"), { MODELS_DIRECTORY: directory, ...variables })), directory };
  }

  it("fetches each file, checks its SHA-256, and does not fetch it again", async () => {
    const models = [
      { url: `${url}/a.gguf?version=1`, sha256 },
      { url: `${url}/blobs/77`, sha256, name: "b.gguf" },
    ];
    const first = await fetched(models, { MODELS_TOKEN: "t0ken" });
    expect(first).toMatchObject({ exitCode: 0, stdout: "a.gguf was fetched and checked\nb.gguf was fetched and checked\n", stderr: "" });
    expect(readdirSync(first.directory).toSorted()).toEqual(["a.gguf", "a.gguf.sha256", "b.gguf", "b.gguf.sha256"]);
    expect(statSync(join(first.directory, "a.gguf")).size).toBe(model.length);
    expect(asked.at(-1)?.authorization).toBe("Bearer t0ken");
    const count = asked.length;
    expect(await fetched(models, {}, first.directory)).toMatchObject({ exitCode: 0, stdout: "a.gguf is there\nb.gguf is there\n" });
    expect(asked).toHaveLength(count);
  });

  it("refuses a file that is another one, at once, and leaves nothing of it", async () => {
    const { exitCode, stderr, directory } = await fetched([{ url: `${url}/a.gguf`, sha256: "0".repeat(64) }]);
    expect([exitCode, stderr]).toEqual([1, `a.gguf: its SHA-256 is ${sha256}, and should be ${"0".repeat(64)}\n`]);
    expect(readdirSync(directory)).toEqual([]);
  });

  it("fetches anew what lies there and is another file", async () => {
    const into = await temporaryFolder();
    writeFileSync(join(into, "a.gguf"), "something else");
    writeFileSync(join(into, "a.gguf.sha256"), `${sha256} 3\n`);
    expect(await fetched([{ url: `${url}/a.gguf`, sha256 }], {}, into)).toMatchObject({ stdout: "a.gguf was fetched and checked\n" });
  });

  it("tries again where the connection broke", async () => {
    cuts = 1;
    const { exitCode, stdout, stderr, directory } = await fetched([{ url: `${url}/a.gguf`, sha256 }]);
    expect([exitCode, stdout]).toEqual([0, "a.gguf was fetched and checked\n"]);
    expect(stderr).toMatch(/^a\.gguf: .+; attempt 1 of 5\n$/);
    expect(existsSync(join(directory, "a.gguf"))).toBe(true);
  });
});
