import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { startParleyProcess } from "../testing/parley-process.ts";

// A process is started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

it("a start says which GPU computes, or that there is none, in its output and its log", async () => {
  const parley = await startParleyProcess({
    models: { tiny: {} },
    environment: { LLM_DEFAULT_PROVIDER: "local", LLM_GPU: "none", LLM_MODEL_MEMORY: "1GB" },
  });
  onTestFinished(() => parley.cleanUp());
  await vi.waitFor(() => expect(parley.output()).toMatch(/^ {2}gpu {5}none \(CPU, 1 thread.*\)$/m), { timeout: 30_000, interval: 20 });
  expect(parley.output()).toMatch(/parley ready at .*\n[^]*gpu {5}none/);
  // Lines of the log are gathered before they are written.
  await vi.waitFor(async () => {
    const line = (await readFile(join(parley.folder, "log"), "utf8")).split("\n").find((text) => text.includes("the GPU of local models"));
    expect(JSON.parse(line ?? "{}")).toMatchObject({
      gpu: expect.stringMatching(/^none \(CPU, 1 thread/) as string,
      memoryBudgetBytes: 1e9,
    });
  });
});
