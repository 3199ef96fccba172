import type { Library, Models, Provider } from "../../core/ports.ts";
import type { Directory } from "../naming/directory.ts";

/** What finding out about files needs. */
export interface LocalFactsOptions {
  readonly directory: Directory;
  readonly library: Library;
  readonly local: Provider;
}

/** Tells of models on this machine what their files say, and has them stay. */
export function localFacts({ directory, library, local }: LocalFactsOptions): Pick<Models, "facts" | "keep" | "metadata"> {
  const fileOf = (name: string) => {
    try {
      const target = directory.resolve(name, "").stops[0]?.target;
      return target?.provider === local.name ? library.find(target.model) : undefined;
    } catch {
      return undefined; // a name that leads nowhere is no file's
    }
  };
  return {
    facts(name) {
      const file = fileOf(name);
      if (file === undefined) return undefined;
      const { id, architecture, parameterCount, fileType } = file;
      return { architecture, parameterCount, fileType, stay: local.local?.stay(id) };
    },
    keep(name, seconds) {
      const file = fileOf(name);
      if (file !== undefined) local.local?.keep(file.id, seconds);
    },
    async metadata(name) {
      const file = fileOf(name);
      return file === undefined ? undefined : library.metadata(file.id);
    },
  };
}
