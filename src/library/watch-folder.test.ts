import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { fakeClock } from "../testing/fake-clock.ts";
import { recordingLog } from "../testing/recording-log.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { watchFolder } from "./watch-folder.ts";

it("a folder that gives no events is looked at twice a minute, and its owner is told", async () => {
  const clock = fakeClock();
  const { log, lines } = recordingLog();
  let looks = 0;
  const stop = watchFolder({ directory: join(await temporaryFolder(), "gone"), clock, log, onChange: () => looks++ });
  expect(lines).toMatchObject([{ level: "warn", message: "the model folder cannot be watched; it is looked at twice a minute" }]);
  clock.advance(60_000);
  expect(looks).toBe(2);
  stop();
  expect(clock.pending()).toBe(0);
});

it("many changes are one look, once they have been quiet for a moment", async () => {
  const directory = await temporaryFolder();
  const clock = fakeClock();
  let looks = 0;
  let scheduled = Promise.withResolvers<void>();
  const watched = {
    ...clock,
    after: (ms: number, callback: () => void) => {
      scheduled.resolve();
      return clock.after(ms, callback);
    },
  };
  const stop = watchFolder({ directory, clock: watched, log: recordingLog().log, onChange: () => looks++ });
  onTestFinished(stop);
  await writeFile(join(directory, "notes.txt"), "no model");
  await writeFile(join(directory, "a.gguf"), "1");
  await scheduled.promise;
  scheduled = Promise.withResolvers();
  await writeFile(join(directory, "a.gguf"), "2");
  await scheduled.promise;
  clock.advance(99);
  expect(looks).toBe(0);
  clock.advance(1);
  expect(looks).toBe(1);
});
