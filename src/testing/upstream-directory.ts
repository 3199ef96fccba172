import type { ModelFile, Provider } from "../core/ports.ts";
import { reasonOf } from "../core/reasons.ts";
import type { RouteSettings, RouteTarget } from "../core/routes.ts";
import { directory, type DirectoryOptions } from "../routing/naming/directory.ts";
import type { RoutedUpstream } from "../routing/naming/remote-targets.ts";
import { plainTarget } from "./plain-target.ts";

/** A model file on disk. */
export const modelFile = (id: string): ModelFile => ({
  ...{ id, aliases: [`${id}.gguf`], path: `/m/${id}.gguf`, sizeBytes: 1, modifiedMs: 0, title: id, licence: "", sha256: "" },
  ...{ architecture: "llama", trainedContextLength: 128, purpose: "chat", problem: "" },
});
const provider = (name: string): Provider => ({
  ...{ name, fields: {}, generate: async function* () {}, listModels: async () => [], close: async () => {} },
});
const upstream = (name: string, keys: number, more: Partial<RoutedUpstream> = {}): RoutedUpstream => ({
  ...{ name, hasKeys: keys > 0, providers: Array.from({ length: Math.max(1, keys) }, () => provider(name)) },
  ...{ defaultModel: undefined, models: [], ...more },
});
const openai = upstream("openai", 2, { defaultModel: "gpt-4o-mini" });
const vllm = upstream("vllm", 0, { defaultModel: "", models: ["meta/llama"] });

/** A directory with two upstreams, and what it has done: `openai` has two keys and a default model, `vllm` has no key and whatever it serves. */
export const directoryWith = (more: Partial<DirectoryOptions> = {}, files: readonly ModelFile[] = []) => {
  const made: string[] = [];
  const listeners: (() => void)[] = [];
  const forgotten: string[] = [];
  const names = directory({
    library: {
      watch(listener) {
        listeners.push(listener);
        return () => {};
      },
      ...{ list: () => files, catalog: () => [], defaultId: "small" },
      find: (name) => files.find(({ id, aliases }) => id === name || aliases.includes(name)),
    },
    ...{ local: provider("llama-cpp"), echo: provider("echo"), upstreams: [openai, vllm], aliases: {}, routes: [], fallback: [] },
    ...{
      defaultModel: "",
      defaultProvider: "auto",
      defaults: undefined,
      askedModels: 3,
      forget: ({ model }) => void forgotten.push(model),
    },
    target({ provider: { name }, model, label, key }) {
      made.push(`${name}/${model}`);
      return plainTarget({ provider: name, model: model || label, label, key });
    },
    ...more,
  });
  return { names, made, forgotten, changed: () => listeners.forEach((listener) => listener()) };
};
type Names = ReturnType<typeof directoryWith>["names"];
/** Each stop of a name, as `rank weight provider/model#key`, with `!` where another model than the first is meant. */
export const stopsOf = (names: Names, model: string, from = "") =>
  names
    .resolve(model, from)
    .stops.map(({ rank, weight, target, isOtherModel }) =>
      [rank, weight, `${target.provider}/${target.model}${target.key === 0 ? "" : `#${target.key}`}${isOtherModel ? "!" : ""}`].join(" "),
    );
/** The reason and message of the error that work throws. */
export const refusal = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return [reasonOf(error), (error as Error).message] as const;
  }
  throw new Error("it was not refused");
};
/** A target of a route, with what matters to the test. */
export const to = (target: Partial<RouteTarget> & Pick<RouteTarget, "upstream" | "model">): RouteTarget => ({
  ...{ weight: undefined, key: undefined, contextLength: undefined, parameters: undefined },
  ...target,
});
/** A route, with what matters to the test. */
export const route = (model: string, targets: readonly RouteTarget[], more: Partial<RouteSettings> = {}): RouteSettings => ({
  ...{ model, targets, hedge: undefined, rescue: undefined },
  ...more,
});
