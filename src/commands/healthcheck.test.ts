import { createServer } from "node:net";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../config.ts";
import type { Variables } from "../core/child-environment.ts";
import { main } from "../main.ts";
import { startServer } from "../service.ts";
import { silentLog } from "../telemetry/log.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";

/** `parley healthcheck` inside this process. */
async function healthcheck(variables: Variables, ...args: readonly string[]) {
  const [out, err] = [new PassThrough({ encoding: "utf8" }), new PassThrough({ encoding: "utf8" })];
  const exitCode = await main(["healthcheck", ...args], { variables, out, err });
  return { exitCode, out: String(out.read() ?? ""), err: String(err.read() ?? "") };
}

async function serving(environment: Variables) {
  const loaded = loadConfig({ environment: { LLM_PORT: "0", LLM_MODELS_DIR: await temporaryFolder(), ...environment } });
  return startServer(loaded, { log: silentLog });
}

const portOf = (url = "") => new URL(url).port;

describe("parley healthcheck", () => {
  it("ends with 0 where the service serves: on the port for probes, which needs no key", async () => {
    const keys = { LLM_API_KEYS: "a-key-that-callers-must-show" };
    await using stack = new AsyncDisposableStack();
    const server = stack.adopt(await serving({ LLM_DEFAULT_PROVIDER: "echo", LLM_ADMIN_PORT: "0", ...keys }), (each) => each.close());
    await until(() => server.service.health.isReady());
    const adminPort = portOf(server.adminUrls[0]);
    expect(await healthcheck({ LLM_ADMIN_PORT: adminPort, LLM_PORT: "1", LLM_HOST: "0.0.0.0", LLM_OPEN: "true" })).toEqual({
      exitCode: 0,
      out: `127.0.0.1:${adminPort}: SERVING\n`,
      err: "",
    });
    expect(await healthcheck({}, "--address", `localhost:${server.port}`, "--service", "parley.v1.ChatService")).toMatchObject({
      exitCode: 0,
    });
    expect(await healthcheck({ LLM_PORT: String(server.port) }, "--service", "model:unheard-of")).toMatchObject({ exitCode: 1 });
  });

  it("ends with 1 where the service has no model, where nobody listens, and where nobody answers in time", async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.adopt(await serving({ LLM_DEFAULT_PROVIDER: "llama-cpp" }), (each) => each.close());
    const mute = stack.adopt(createServer(), (each) => void each.close()).listen(0, "127.0.0.1");
    await once(mute, "listening");
    const { port } = mute.address() as { port: number };
    const [without, slow] = await Promise.all([
      healthcheck({ LLM_PORT: String(server.port) }),
      healthcheck({ LLM_PORT: String(port) }, "--timeout", "0.2"),
    ]);
    expect(without).toEqual({ exitCode: 1, out: "", err: `127.0.0.1:${server.port}: NOT_SERVING\n` });
    expect(slow).toMatchObject({ exitCode: 1, out: "" });
    await server.close();
    expect(await healthcheck({ LLM_PORT: String(server.port) })).toMatchObject({ exitCode: 1, out: "" });
  });

  it.each<[Variables, readonly string[], string]>([
    [{ LLM_PORT: "0" }, [], "any free one"],
    [{ LLM_TLS_CERT_FILE: "a.pem", LLM_TLS_KEY_FILE: "b.pem" }, [], "LLM_ADMIN_PORT"],
    [{}, ["--address", "http://127.0.0.1:80"], "--address"],
    [{}, ["--timeout", "0"], "--timeout"],
    [{}, ["--timeout", "soon"], "--timeout"],
    [{ LLM_ADMIN_PORT: "70000" }, [], "LLM_ADMIN_PORT"],
  ])("ends with 2 and one line for the mistake %j %j", async (variables, args, named) => {
    const { exitCode, out, err } = await healthcheck(variables, ...args);
    expect({ exitCode, out, lines: err.split("\n").length }).toEqual({ exitCode: 2, out: "", lines: 2 });
    expect(err).toContain(named);
  });

  it("says what it does", async () => {
    const { exitCode, out } = await healthcheck({}, "--help");
    expect(exitCode).toBe(0);
    expect(out).toContain("Exit codes: 0 it serves, 1 it does not");
  });
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
