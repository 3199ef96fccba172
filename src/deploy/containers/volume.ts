import { chownSync, copyFileSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, run } from "../programs.ts";
import type { Bind } from "./spec.ts";

/** A volume of models. */
export interface Volume {
  readonly bind: Bind;
  remove(): Promise<void>;
}

/** Who reads and writes it. */
const owner = 65_532;

/** The real default model on this machine: in the folder that `PARLEY_TEST_MODELS` names, else pulled once into the cache. Throws where no source answers. */
export async function modelFile(): Promise<string> {
  const cached = join(root, ".cache", "models");
  for (const folder of [process.env["PARLEY_TEST_MODELS"], cached]) {
    if (folder === undefined || !existsSync(folder)) continue;
    const [file] = readdirSync(folder).filter((name) => /^smollm2-135m.*\.gguf$/i.test(name));
    if (file !== undefined) return join(folder, file);
  }
  mkdirSync(cached, { recursive: true });
  const environment = { LLM_MODELS_DIR: cached, LLM_DATA_DIR: join(root, ".cache") };
  await run(process.execPath, [join(root, "src", "bin.js"), "models", "pull", "smollm2-135m-instruct"], { environment });
  return modelFile();
}

/** A folder as a new volume is: owned by the image's user, with a model in it or without. */
export async function volume(model?: { readonly file: string; readonly name: string }): Promise<Volume> {
  const source = await mkdtemp(join(tmpdir(), "parley-volume-"));
  chownSync(source, owner, owner);
  if (model !== undefined) copyFileSync(model.file, join(source, model.name));
  return { bind: { source, path: "/models" }, remove: () => rm(source, { recursive: true }) };
}
