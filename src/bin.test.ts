import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { temporaryFolder } from "./testing/temporary-folder.ts";

// A process is started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

const bin = join(import.meta.dirname, "bin.js");

/** Sends the signal while the first of our modules is loaded, long before the service listens to it. */
const early = (signal: string) => `import { registerHooks } from "node:module";
registerHooks({ load(url, context, next) {
  if (url.endsWith("/src/main.ts")) process.kill(process.pid, "${signal}");
  return next(url, context);
} });`;

it.each(["SIGTERM", "SIGINT"])("hears a %s that comes before the service is there, and ends", async (signal) => {
  const folder = await temporaryFolder();
  const env = { ...process.env, LLM_DEFAULT_PROVIDER: "echo", LLM_MODELS_DIR: folder, LLM_DATA_DIR: folder };
  const words = ["--import", `data:text/javascript,${encodeURIComponent(early(signal))}`, bin, "serve", "--port", "0"];
  const ended = await new Promise((resolve) => {
    execFile(process.execPath, words, { env }, (error) => resolve({ signal: error?.signal ?? "none" }));
  });
  // What ends it is not the kernel, which would have let the first process of a container live.
  expect(ended).toEqual({ signal: "none" });
});
