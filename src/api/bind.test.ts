import { createServer } from "node:net";
import { expect, it } from "vitest";
import { silentLog } from "../telemetry/log.ts";
import { bind } from "./bind.ts";

it("logs every error of a listener that is bound, and goes on", async () => {
  const server = createServer();
  const logged: unknown[] = [];
  const log = { ...silentLog, error: (_message: string, facts?: Readonly<Record<string, unknown>>) => void logged.push(facts?.["error"]) };
  const { port } = await bind(server, { host: "127.0.0.1", port: 0 }, log);
  // That of binding is gone: it would refuse what has long been answered.
  expect(server.listenerCount("error")).toBe(1);
  const errors = [new Error("too many open files"), new Error("and again")];
  for (const error of errors) server.emit("error", error);
  expect(logged).toEqual(errors);
  expect(server.address()).toMatchObject({ port });
  await new Promise((resolve) => server.close(resolve));
});
