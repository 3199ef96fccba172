import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { reasonOf } from "../../core/reasons.ts";
import { checkGguf } from "../../library/gguf-header.ts";
import { answerOf, failureOf, valuesOf } from "../../testing/collect-events.ts";
import { ggufMutants } from "../../testing/gguf-mutations.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { tinyGguf } from "../../testing/tiny-gguf.ts";
import { tinyProvider, type TinyProvider } from "../../testing/tiny-provider.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let tiny: TinyProvider;
afterEach(() => tiny.close());

/** Asks a model of these bytes for an answer. */
async function answered(id: string, bytes: Buffer): Promise<unknown> {
  const path = join(tiny.library.directory, `${id}.gguf`);
  await writeFile(path, bytes);
  await tiny.library.addFile(id, path);
  return answerOf(tiny.provider, userRequest("hello", { model: id, maxTokens: 4 }));
}

/** A file whose header is in order and whose model has no heads: the native library divides by them. */
function withoutHeads(): Buffer {
  const bytes = Buffer.from(tinyGguf());
  const key = "llama.attention.head_count";
  bytes.writeUInt32LE(0, bytes.indexOf(key) + key.length + 4);
  return bytes;
}

describe("model files that pass the check and are broken yet", () => {
  it("end their own process at most: another model's stream goes on, and the error says so", async () => {
    tiny = await tinyProvider({ load: { sequences: 1, contextLength: 2048 }, limits: { engineLoadMs: 30_000 } });
    await tiny.library.add("witness");
    await answerOf(tiny.provider, userRequest("hello", { model: "witness", maxTokens: 1 }));
    const witness = answerOf(tiny.provider, userRequest("hello", { model: "witness", maxTokens: 1900 }));
    expect(checkGguf(withoutHeads(), tinyGguf().length).is).toBe("whole");
    const error = await failureOf(answered("headless", withoutHeads()));
    expect([reasonOf(error), error.rawMessage.includes("SIGABRT")]).toEqual(["engine_failed", true]);
    const mutants = ggufMutants(tinyGguf(), 2);
    for (let loaded = 0; loaded < 3;) {
      const { bytes } = mutants.next().value;
      if (checkGguf(bytes, bytes.length).is !== "whole") continue;
      const outcome = await answered(`mutant-${loaded++}`, bytes).then(() => "answered", reasonOf);
      expect(["answered", "engine_failed", "model_too_large", "model_state"]).toContain(outcome);
    }
    expect(valuesOf(await witness, "completed")[0]?.usage?.completionTokens).toBe(1900);
    expect(tiny.reports.some(([name, model]) => name === "restarted" && model === "witness")).toBe(false);
  });
});
