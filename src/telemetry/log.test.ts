import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openLog } from "./log.ts";

/** A log into memory and a file, and the lines of each. */
const setUp = async (level: string) => {
  const folder = await mkdtemp(join(tmpdir(), "parley-log-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "logs", "parley.log");
  const written: string[] = [];
  const log = openLog({ level, file, stream: { write: (line) => void written.push(line) } });
  const lines = () => written.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { log, lines, file };
};

describe("the log", () => {
  it("writes one JSON object a line, with level and time", async () => {
    const { log, lines } = await setUp("info");
    log.info("hello", { requestId: "r1" });
    expect(lines()).toEqual([{ level: "info", time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/), requestId: "r1", msg: "hello" }]);
  });

  it("leaves out what is below its level", async () => {
    const { log, lines } = await setUp("warn");
    log.info("quiet");
    log.warn("loud");
    expect(lines().map(({ msg }) => msg)).toEqual(["loud"]);
  });

  it("is silent when told so", async () => {
    const { log, lines } = await setUp("silent");
    log.error("nobody hears it");
    expect(lines()).toEqual([]);
  });

  it("writes an error with its causes", async () => {
    const { log, lines } = await setUp("info");
    log.error("failed", { error: new Error("outer", { cause: new TypeError("inner") }) });
    expect(lines()[0]?.["error"]).toMatchObject({
      message: "outer",
      stack: expect.any(String),
      cause: { type: "TypeError", message: "inner" },
    });
  });

  it("also writes to a file, in a folder that it makes", async () => {
    const { log, file } = await setUp("info");
    log.info("kept");
    log.flush();
    expect(await readFile(file, "utf8")).toContain('"msg":"kept"');
  });

  it("writes out what it has when it is closed, and nothing afterwards", async () => {
    const { log, lines, file } = await setUp("info");
    log.info("kept");
    log.close();
    log.info("lost");
    expect(await readFile(file, "utf8")).toContain("kept");
    expect(lines().map(({ msg }) => msg)).toEqual(["kept"]);
  });

  it("refuses at once a file that cannot be written", () => {
    expect(() => openLog({ level: "info", file: "/proc/no-such-folder/parley.log" })).toThrow("telemetry.logFile");
  });
});
