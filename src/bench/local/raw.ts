import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { engineEnvironment } from "../../providers/llama-cpp/engine-process.ts";
import { buildRaw } from "../../testing/raw-llama.ts";
import type { Contestant, Setup } from "./contestant.ts";

/** The raw C++ loop, with weights mapped, or copied on huge pages as our engine has them; undefined where no compiler or no binary package for this machine is. */
export async function startRawLoop(
  { modelPath, threads, sequences, contextLength, batchTokens }: Setup,
  weights: "mapped" | "copied" = "mapped",
): Promise<Contestant | undefined> {
  const built = buildRaw(join(import.meta.dirname, "raw.cpp"));
  if (built === undefined) return undefined;
  const settings = [threads, sequences, contextLength, batchTokens].map(String);
  const child = spawn(built.program, [built.libraries, modelPath, ...settings, weights], {
    env: weights === "copied" ? engineEnvironment(process.env) : process.env,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  await once(lines, "line");
  return {
    name: weights === "mapped" ? "raw C++ loop" : "raw, weights copied",
    async run({ streams }) {
      const prompt = streams[0]?.prompt ?? [];
      const answer = once(lines, "line") as Promise<[string]>;
      child.stdin.write(
        `${streams.length} ${streams[0]?.newTokens} ${prompt.length} ${streams.flatMap(({ prompt: ids }) => ids).join(" ")}\n`,
      );
      const [tokens = 0, endedMs = 0, firstMs = 0] = (await answer)[0].split(" ").map(Number);
      // It tells of all streams together: the first stands for them.
      return [{ tokens, times: [firstMs], endedMs, cachedTokens: 0 }];
    },
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
