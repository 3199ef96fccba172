import { connect } from "node:net";
import { once } from "node:events";
import { expect, it } from "vitest";
import { loadConfig } from "../config.ts";
import { startServer } from "../service.ts";
import { silentLog } from "../telemetry/log.ts";
import { call, grpcJsClient } from "../testing/grpc-js-client.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";

async function started(environment: Readonly<Record<string, string>>) {
  const models = await temporaryFolder();
  const own = { LLM_PORT: "0", LLM_DEFAULT_PROVIDER: "echo", LLM_MODELS_DIR: models, LLM_DATA_DIR: models };
  return startServer(loadConfig({ environment: { ...own, ...environment } }), { log: silentLog });
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<string[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => started({})));
  await Promise.all(servers.map((server) => server.close()));
  return servers.map(({ port }) => String(port));
}

it("answers every protocol on further ports as on the first, and ends their calls with the others", async () => {
  const ports = await freePorts(2);
  const server = await started({ LLM_MORE_PORTS: ports.join(", ") });
  for (const port of ports) {
    const body = JSON.stringify({ messages: [{ role: "user", content: "one two" }] });
    const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, { method: "POST", body });
    expect(answer.status).toBe(200);
    const client = grpcJsClient(Number(port), "grpc.health.v1.Health");
    expect(await call(client, "Check", {})).toMatchObject({ answer: { status: "SERVING" } });
    client.close();
  }
  const idle = connect(Number(ports[0]), "127.0.0.1");
  await once(idle, "connect");
  await Promise.all([once(idle, "close"), server.drain()]);
  for (const port of ports) await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow("fetch failed");
});

it("passes over the port itself and that for probes, and refuses to start where one of the ports is taken", async () => {
  const [port = "", admin = "", more = ""] = await freePorts(3);
  const own = { LLM_PORT: port, LLM_ADMIN_PORT: admin, LLM_MORE_PORTS: `${port},${admin},${more},${more}` };
  const server = await started(own);
  const [free = ""] = await freePorts(1);
  await expect(started({ LLM_PORT: free, LLM_MORE_PORTS: more })).rejects.toThrow(`cannot listen on 127.0.0.1:${more}`);
  await (await started({ LLM_PORT: free })).close();
  await server.close();
});

it.each(["70000", "http", "0"])("refuses %s, which is no port", (text) => {
  expect(() => loadConfig({ environment: { LLM_MORE_PORTS: text } })).toThrow("LLM_MORE_PORTS");
});
