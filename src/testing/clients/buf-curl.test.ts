import { dirname, join } from "node:path";
import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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
