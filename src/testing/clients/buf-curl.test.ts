import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { authority } from "../certificates.ts";
import { sharedFolder } from "../temporary-folder.ts";
import { startTestServer, type TestServer } from "../test-server.ts";
import { run, type Ended } from "../tools.ts";

// It has no schema of ours: what it knows, it asks the service for by reflection.

const buf = join(dirname(createRequire(import.meta.url).resolve("@bufbuild/buf/package.json")), "bin", "buf");

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

describe("buf curl by reflection", () => {
  it("lists the services", async () => {
    const { stdout, exitCode } = await curl([server.url, "--list-services"]);
    expect(exitCode).toBe(0);
    expect(stdout.split("\n")).toEqual(
      expect.arrayContaining(["parley.v1.ChatService", "parley.v1.ModelService", "parley.v1.TokenService", "grpc.health.v1.Health"]),
    );
  });

  it("lists the methods", async () => {
    const { stdout } = await curl([server.url, "--list-methods"]);
    expect(stdout.split("\n")).toEqual(expect.arrayContaining(["parley.v1.ChatService/Chat", "parley.v1.ChatService/Stream"]));
  });

  it.each(["grpc", "grpcweb", "connect"])("calls unary and streaming methods by %s", async (protocol) => {
    const request = JSON.stringify({ model: "echo", messages: [{ role: "ROLE_USER", parts: [{ text: { text: "one two" } }] }] });
    const words = ["--protocol", protocol, "-d", request];
    const whole = await curl([...words, `${server.url}/parley.v1.ChatService/Chat`]);
    expect([whole.exitCode, JSON.parse(whole.stdout)]).toMatchObject([
      0,
      { choices: [{ message: { parts: [{ text: { text: "one two" } }] } }] },
    ]);
    const streamed = await curl([...words, `${server.url}/parley.v1.ChatService/Stream`]);
    const events = messagesIn(streamed.stdout).map((message) => Object.keys(message));
    expect(streamed.exitCode).toBe(0);
    expect(events.flat().filter((key) => key !== "sequence")).toEqual(["accepted", "started", "text", "text", "finished", "completed"]);
  });

  it("shows an error with its code", async () => {
    const { exitCode, stderr } = await curl(["-d", `{"model": "nobody"}`, `${server.url}/parley.v1.ModelService/GetModel`]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("not_found");
  });
});

describe("buf curl over TLS, with a key", () => {
  const key = "a-key-of-the-environment";
  const folder = sharedFolder();
  const caFile = join(folder, "ca.pem");
  let locked: TestServer;
  beforeAll(async () => {
    const ours = authority("ours");
    const { certificate, key: privateKey } = ours.issue(["127.0.0.1"]);
    const [LLM_TLS_CERT_FILE, LLM_TLS_KEY_FILE] = [join(folder, "tls.crt"), join(folder, "tls.key")];
    const files = { [caFile]: ours.certificate, [LLM_TLS_CERT_FILE]: certificate, [LLM_TLS_KEY_FILE]: privateKey };
    for (const [file, content] of Object.entries(files)) writeFileSync(file, content);
    locked = await startTestServer({ environment: { LLM_TLS_CERT_FILE, LLM_TLS_KEY_FILE, LLM_API_KEYS: key } });
  });
  afterAll(() => locked.close());

  const ask = (protocol: string, shown: string) => {
    const request = JSON.stringify({ model: "echo", messages: [{ role: "ROLE_USER", parts: [{ text: { text: "one two" } }] }] });
    const shows = ["--reflect-header", `authorization: Bearer ${key}`, "-H", `authorization: Bearer ${shown}`];
    const words = ["--cacert", caFile, "--protocol", protocol, ...shows, "-d", request];
    return run(process.execPath, [buf, "curl", ...words, `${locked.url}/parley.v1.ChatService/Chat`]);
  };

  it.each(["grpc", "grpcweb", "connect"])("is answered by %s, schema and all", async (protocol) => {
    const { stdout, exitCode } = await ask(protocol, key);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { choices: [{ message: { parts: [{ text: { text: "one two" } }] } }] }]);
  });

  it("is told that another key is nobody's", async () => {
    const { stderr, exitCode } = await ask("grpc", "another-key");
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/unauthenticated/i);
  });
});

/** The messages of a stream as it prints them: JSON over several lines, each beginning with a brace of its own. */
function messagesIn(text: string): object[] {
  return text
    .split(/(?<=^\})\n/mu)
    .filter((json) => json.trim() !== "")
    .map((json) => JSON.parse(json) as object);
}

function curl(words: readonly string[]): Promise<Ended> {
  return run(process.execPath, [buf, "curl", "--http2-prior-knowledge", ...words]);
}
