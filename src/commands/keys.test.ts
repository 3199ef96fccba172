import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { describe, expect, it, vi } from "vitest";
import { main } from "../main.ts";
import { startParleyProcess } from "../testing/parley-process.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

const bin = join(import.meta.dirname, "..", "bin.js");

interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** `parley keys` inside this process. */
async function keys(folder: string, ...args: readonly string[]): Promise<Ran> {
  const [out, err] = [new PassThrough({ encoding: "utf8" }), new PassThrough({ encoding: "utf8" })];
  const exitCode = await main(["keys", ...args], { variables: { LLM_DATA_DIR: folder }, out, err });
  return { exitCode, out: String(out.read() ?? ""), err: String(err.read() ?? "") };
}

const made = async (folder: string, ...args: readonly string[]) => (await keys(folder, "create", ...args)).out.trim();

describe("parley keys", () => {
  it("makes a key in a process of its own, shows it this once and alone, and a running service takes it, and not when it is revoked", async () => {
    const server = await startParleyProcess();
    const data = join(server.folder, "data");
    const status = (key: string) =>
      fetch(`${server.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } }).then((answer) => answer.status);
    expect(await status("none")).toBe(200);
    const env = { PATH: process.env["PATH"] ?? "", LLM_DATA_DIR: data, LLM_HOST: "0.0.0.0" };
    const ran = await new Promise<Ran>((resolve) => {
      execFile(process.execPath, [bin, "keys", "create", "--tenant", "team-a"], { env }, (error, out, err) =>
        resolve({ exitCode: error === null ? 0 : Number(error.code), out, err }),
      );
    });
    expect(ran).toMatchObject({ exitCode: 0, out: expect.stringMatching(/^pk_[0-9A-Za-z]{49}\n$/) });
    expect(ran.err).toMatch(
      /^(key_[0-9a-f]{8}): tenant team-a, scopes all, every model, never expires\nIt is shown this once; .* has its hash\.\n$/,
    );
    const key = ran.out.trim();
    await expect.poll(() => status("none"), { timeout: 10_000 }).toBe(401);
    expect(await status(key)).toBe(200);
    await keys(data, "revoke", /key_\w+/.exec(ran.err)?.[0] ?? "");
    await expect.poll(() => status(key), { timeout: 10_000 }).toBe(401);
    expect(server.output() + readFileSync(join(server.folder, "log"), "utf8")).not.toContain(key);
    await server.cleanUp();
  });

  it("lists keys by what they allow and whether they are good, without the keys", async () => {
    const folder = await temporaryFolder();
    expect((await keys(folder, "list")).out).toMatch(/^there are no keys in /);
    const first = await made(
      folder,
      "--scope",
      "chat",
      "--scope",
      "models",
      "--model",
      "tiny",
      "--concurrency",
      "2",
      "--note",
      "for tests",
    );
    const { out: json } = await keys(folder, "create", "--expires", "2h", "--json");
    const second = JSON.parse(json) as { readonly key: string; readonly id: string; readonly expires: string };
    expect(Math.abs(Date.parse(second.expires) - Date.now() - 7_200_000)).toBeLessThan(60_000);
    await keys(folder, "revoke", second.id);
    const { out } = await keys(folder, "list");
    const [head, ...rows] = out
      .trim()
      .split("\n")
      .map((line) => line.split(/ {2,}/));
    expect(head).toEqual(["ID", "TENANT", "STATE", "SCOPES", "MODELS", "LIMITS", "EXPIRES", "NOTE"]);
    expect(rows).toEqual([
      [expect.stringMatching(/^key_/), "default", "good", "chat,models", "tiny", "concurrency=2", "never", "for tests"],
      [second.id, "default", "revoked", "all", "all", "-", second.expires],
    ]);
    const { out: listed } = await keys(folder, "list", "--json");
    expect(JSON.parse(listed)).toMatchObject({ keys: [{ scopes: ["chat", "models"] }, { id: second.id }] });
    for (const text of [out, listed, readFileSync(join(folder, "keys", "keys.json"), "utf8")])
      for (const key of [first, second.key]) expect(text).not.toContain(key);
    expect(listed).not.toContain("hash");
  });

  it.each([
    [["create", "--scope", "chta"], /scopes: must list scopes that there are/],
    [["create", "--concurrency", "0"], /^parley: --concurrency: "0" is not a whole number/],
    [["create", "--expires", "yesterday"], /^parley: --expires: "yesterday" is no instant to come/],
    [["create", "--expires", "2020-01-01T00:00:00Z"], /is no instant to come/],
    [["create", "--parent", "key_none"], /the parent of key_\w+ is not there/],
    [["create", "--tenant", "../x"], /tenant: must be 1 to 64/],
    [["create", "--scope", "admin", "--model", "m"], /the scope admin is over all models/],
    [["revoke", "key_none"], /there is no key "key_none"/],
  ])("ends %j with 2, says why, and makes nothing", async (args, message) => {
    const folder = await temporaryFolder();
    const { exitCode, out, err } = await keys(folder, ...args);
    expect([exitCode, out]).toEqual([2, ""]);
    expect(err).toMatch(message);
    expect((await keys(folder, "list", "--json")).out).toBe('{"keys":[]}\n');
  });

  it("are read where a configuration is checked", async () => {
    const folder = await temporaryFolder();
    const file = join(folder, "keys.json");
    const check = async () => {
      const [out, err] = [new PassThrough({ encoding: "utf8" }), new PassThrough({ encoding: "utf8" })];
      const exitCode = await main(["serve", "--check"], { variables: { LLM_API_KEYS_FILE: file, LLM_DATA_DIR: folder }, out, err });
      return [exitCode, err.read()];
    };
    expect(await check()).toEqual([2, `parley: ${file}: there is no such file of keys\n`]);
    writeFileSync(file, '{"keys":[{"id":"a","key":"s3cret-key","rate":1}]}');
    expect(await check()).toEqual([2, `parley: ${file}: keys[0].rate: there is no such field\n`]);
    writeFileSync(file, '{"keys":[{"id":"a","key":"s3cret-key"}]}');
    expect(await check()).toEqual([0, null]);
  });

  it("hides keys of the environment where the configuration is shown", async () => {
    const [out, err] = [new PassThrough({ encoding: "utf8" }), new PassThrough({ encoding: "utf8" })];
    const folder = await temporaryFolder();
    const variables = { LLM_API_KEYS: "s3cret-one,team-a:s3cret-two", LLM_DATA_DIR: folder, LLM_HOST: "0.0.0.0" };
    expect(await main(["serve", "--check"], { variables, out, err })).toBe(0);
    const text = String(out.read()) + String(err.read() ?? "");
    expect(text).toMatch(/keys\.given +\*\*\*,\*\*\* +LLM_API_KEYS/);
    expect(text).not.toContain("s3cret");
  });
});
