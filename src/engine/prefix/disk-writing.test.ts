import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { tinyScheduler } from "../../testing/tiny-scheduler.ts";

// Models are loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

// Of more than one piece.
it("a state is written to disk while others generate, and does not wait for their end", async () => {
  const diskFolder = join(await temporaryFolder(), "states");
  const tiny = await tinyScheduler({
    cache: { diskFolder },
    model: { layers: 48, heads: 2 },
    prefillChunkTokens: 512,
    sequences: 2,
    contextLength: 2048,
  });
  let hasEnded = false;
  const stream = tiny.ask([40, 41, 42], { maxTokens: 2000 });
  void stream.outcome.then(() => (hasEnded = true));
  await stream.until("text");
  const tokens = Array.from({ length: 450 }, (_, index) => 43 + ((index * 7) % 80)) as never;
  const prompt = { ...tiny.loaded.makePrompt({ type: "text", text: "a" }), tokens };
  await tiny.scheduler.warm(-1, prompt, { tenant: "one", signal: new AbortController().signal });
  await vi.waitFor(() => expect(existsSync(diskFolder) && readdirSync(diskFolder).some((file) => file.endsWith(".json"))).toBe(true), {
    timeout: 20_000,
    interval: 5,
  });
  expect(hasEnded).toBe(false);
  tiny.scheduler.cancel(stream.id);
});
