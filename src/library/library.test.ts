import { appendFile, mkdir, readdir, rename, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Capability, ModelState } from "../../gen/parley/v1/models_pb.ts";
import type { Library } from "../core/ports.ts";
import { ggufBytes } from "../testing/tiny-gguf-format.ts";
import { tinyGguf, writeTinyGguf } from "../testing/tiny-gguf.ts";
import { openTestLibrary } from "../testing/open-library.ts";
import { recordingLog } from "../testing/recording-log.ts";
import { writeTinyLora } from "../testing/tiny-lora.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";

const tiny = tinyGguf();

/** Waits until a look at the library says so; asked again at each change of it. */
function until(library: Library, isSo: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!isSo()) return;
      stop();
      resolve();
    };
    const stop = library.watch(look);
    look();
  });
}

describe("the library", { timeout: 20_000 }, () => {
  it("serves a file that is dropped in, under its name with and without .gguf, and forgets one that is gone", async () => {
    const library = await openTestLibrary();
    expect(library.list()).toEqual([]);
    await writeTinyGguf(join(library.directory, "dropped.gguf"));
    await until(library, () => library.find("dropped")?.problem === "");
    expect(library.find("dropped.gguf")).toBe(library.find("dropped"));
    expect(library.find("dropped")).toMatchObject({
      architecture: "llama",
      trainedContextLength: 2048,
      purpose: "chat",
      sizeBytes: tiny.length,
    });
    expect(await library.remove("dropped")).toBe(tiny.length);
    expect(library.list()).toEqual([]);
    expect(await readdir(library.directory)).toEqual([]);
  });

  it("serves a file that is renamed into place at once", async () => {
    const library = await openTestLibrary();
    await writeTinyGguf(join(library.directory, "x.tmp"));
    await rename(join(library.directory, "x.tmp"), join(library.directory, "x.gguf"));
    await until(library, () => library.find("x") !== undefined);
    await rename(join(library.directory, "x.gguf"), join(library.directory, "y.gguf"));
    await until(library, () => library.find("y") !== undefined && library.find("x") === undefined);
  });

  it("serves a file that is being copied only when it is whole", async () => {
    const library = await openTestLibrary();
    const path = join(library.directory, "slow.gguf");
    await writeFile(path, tiny.subarray(0, tiny.length - 1000));
    await until(library, () => library.find("slow") !== undefined);
    expect(library.find("slow")?.problem).toBe(
      `it is not whole: ${tiny.length - 1000} of ${tiny.length} bytes are here; unless it is still being copied, pull or convert the model again`,
    );
    await appendFile(path, tiny.subarray(tiny.length - 1000));
    await until(library, () => library.find("slow")?.problem === "");
    await truncate(path, 10);
    await until(library, () => library.find("slow")?.problem !== "");
  });

  it("lists what it cannot serve with the reason", async () => {
    const directory = await temporaryFolder();
    const outside = await temporaryFolder();
    await writeTinyGguf(join(outside, "outside.gguf"));
    await symlink(join(outside, "outside.gguf"), join(directory, "link.gguf"));
    await symlink("/nowhere", join(directory, "dangling.gguf"));
    await symlink("round.gguf", join(directory, "round.gguf"));
    await symlink(join(outside, "outside.gguf", "x"), join(directory, "below.gguf"));
    await writeFile(join(directory, "text.gguf"), "no model");
    await writeFile(join(directory, "empty.gguf"), "");
    await writeFile(
      join(directory, "lora.gguf"),
      ggufBytes({ "general.architecture": { string: "llama" }, "general.type": { string: "adapter" } }, []),
    );
    await writeFile(join(directory, "clip.gguf"), ggufBytes({ "general.architecture": { string: "clip" } }, []));
    await writeFile(join(directory, "bare.gguf"), ggufBytes({}, []));
    await mkdir(join(directory, "folder.gguf"));
    await writeFile(join(directory, ".hidden.gguf"), tiny);
    const library = await openTestLibrary({ directory });
    // A timestamp of the contract has no fractions of what it counts.
    expect(library.list().filter(({ modifiedMs }) => !Number.isInteger(modifiedMs))).toEqual([]);
    expect(Object.fromEntries(library.list().map(({ id, problem }) => [id, problem]))).toEqual({
      below: "it is a link to a file that is not there",
      bare: "its header names no architecture: pull or convert the model again",
      clip: "it is the vision part of a model, which needs the model itself",
      dangling: "it is a link to a file that is not there",
      empty: "it is empty: pull or convert the model again",
      link: "it is a link that leaves the model folder; move or copy the file here",
      lora: "it is a LoRA adapter, which needs the model it was made for",
      round: "it is a link that leads to itself",
      text: "it is no GGUF file, since it does not begin with GGUF: pull or convert the model again",
    });
  });

  it("follows a link that stays in the folder, and removes the link alone", async () => {
    const directory = await temporaryFolder();
    await writeTinyGguf(join(directory, "real.gguf"));
    await symlink("real.gguf", join(directory, "link.gguf"));
    const library = await openTestLibrary({ directory });
    expect(library.list().map(({ id, problem }) => [id, problem])).toEqual([
      ["link", ""],
      ["real", ""],
    ]);
    expect(await library.remove("link")).toBe(0);
    expect(await readdir(directory)).toEqual(["real.gguf"]);
  });

  it.each(["../x", "/etc/passwd", "real.gguf/../real", "sub/real", "", "nobody"])(
    "finds and removes nothing by the name %j",
    async (name) => {
      const directory = await temporaryFolder();
      await writeTinyGguf(join(directory, "real.gguf"));
      await mkdir(join(directory, "sub"));
      await writeTinyGguf(join(directory, "sub", "real.gguf"));
      const library = await openTestLibrary({ directory });
      expect(library.find(name)).toBeUndefined();
      await expect(library.remove(name)).rejects.toThrow("no model on disk answers to");
    },
  );

  it("tells models that make vectors, or rank, by their architecture and their pooling", async () => {
    const directory = await temporaryFolder();
    const header = (architecture: string, pooling: number) =>
      ggufBytes({ "general.architecture": { string: architecture }, [`${architecture}.pooling_type`]: { uint32: pooling } }, []);
    await writeFile(join(directory, "bert.gguf"), header("bert", 0));
    await writeFile(join(directory, "qwen.gguf"), header("qwen3", 3));
    await writeFile(join(directory, "chat.gguf"), header("qwen3", 0));
    await writeFile(join(directory, "ranker.gguf"), header("bert", 4));
    const library = await openTestLibrary({ directory });
    expect(library.list().map(({ id, purpose }) => [id, purpose])).toEqual([
      ["bert", "embed"],
      ["chat", "chat"],
      ["qwen", "embed"],
      ["ranker", "rerank"],
    ]);
  });

  it("warns of a file that cannot be served, and not of an adapter, which is no model", async () => {
    const directory = await temporaryFolder();
    await writeTinyLora(join(directory, "accent.gguf"));
    await writeFile(join(directory, "text.gguf"), "no model");
    const { log, lines } = recordingLog();
    await openTestLibrary({ directory, log });
    const told = lines.filter(({ facts }) => facts["model"] !== undefined).map(({ level, facts }) => [level, facts["model"]]);
    expect(told).toEqual([
      ["debug", "accent"],
      ["warn", "text"],
    ]);
  });

  it("describes what can be pulled, and leaves out what nobody knows yet", async () => {
    const library = await openTestLibrary();
    const model = library.catalog().find(({ id }) => id === library.defaultId);
    expect(model).toMatchObject({
      id: "smollm2-135m-instruct",
      state: ModelState.CATALOG,
      sizeBytes: 98_362_432n,
      contextLength: 8192,
      licence: "Apache-2.0",
      capabilities: [Capability.CHAT],
    });
    expect(library.catalog().find(({ id }) => id === "qwen3-0.6b")?.sizeBytes).toBeUndefined();
  });

  it("tells its watchers nothing when only the time of a look has passed", async () => {
    const directory = await temporaryFolder();
    await writeTinyGguf(join(directory, "a.gguf"));
    const library = await openTestLibrary({ directory });
    let changes = 0;
    library.watch(() => changes++);
    await utimes(join(directory, "a.gguf"), new Date(), library.list()[0]!.modifiedMs / 1000);
    await writeTinyGguf(join(directory, "b.gguf"));
    await until(library, () => library.find("b")?.problem === "");
    expect(changes).toBeGreaterThan(0);
    expect(library.list().map(({ id }) => id)).toEqual(["a", "b"]);
  });
});
