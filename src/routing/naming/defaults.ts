import type { Library, ModelFile, ModelPurpose } from "../../core/ports.ts";
import { defaultNameAt, type NameRules, type NamedUpstream } from "./names.ts";

/** What the choice of a default needs. */
export interface DefaultsOptions extends NameRules {
  readonly library: Pick<Library, "find" | "list" | "defaultId">;
  readonly local: { readonly name: string };
  readonly echo: { readonly name: string };
  /** Name that was chosen as the default; empty: found out. */
  readonly chosen: () => string;
  /** Whether a name leads to a provider. */
  readonly leadsTo: (name: string, provider: string) => boolean;
}

/** Which model is meant where none is named. */
export interface Defaults {
  /** At a provider or (empty) any, for a purpose; undefined when there is none. */
  nameOf(provider: string, purpose: ModelPurpose): string | undefined;
}

/** Finds out defaults: what was chosen, else the local model, else the first upstream's, else echo, unless a provider is named. */
export function defaultsOf(options: DefaultsOptions): Defaults {
  const { library, local, echo, upstreams, defaultProvider, chosen, leadsTo } = options;
  const nameAt = (upstream: NamedUpstream) =>
    defaultNameAt(upstream, options, (name) => name === echo.name || library.find(name) !== undefined);
  /** The only model on disk that chats, else the catalog's default if it is there. */
  const onDisk = (): string | undefined => {
    const usable = usableFor("chat", library);
    return usable.length === 1 ? usable[0]?.id : usable.find(({ id }) => id === library.defaultId)?.id;
  };
  const chats = (): string | undefined => {
    const name = chosen();
    if (name !== "") return name;
    if (defaultProvider === echo.name) return "echo";
    const upstream = upstreams.find((each) => each.name === defaultProvider);
    if (upstream !== undefined) return nameAt(upstream);
    const found = onDisk();
    if (found !== undefined || defaultProvider === local.name) return found;
    return upstreams[0] === undefined ? "echo" : nameAt(upstreams[0]);
  };
  /** A chosen default stands at its own provider alone. */
  const chatsAt = (provider: string): string | undefined => {
    const name = chosen();
    if (name !== "" && leadsTo(name, provider)) return name;
    const upstream = upstreams.find((each) => each.name === provider);
    return upstream === undefined ? onDisk() : nameAt(upstream);
  };
  return {
    nameOf(provider, purpose) {
      if (provider === echo.name) return "echo";
      const upstream = upstreams.find((each) => each.name === provider);
      if (purpose !== "chat") return upstream === undefined ? onlyOne(library, purpose) : servesUnasked(upstream);
      return provider === "" ? chats() : chatsAt(provider);
    },
  };
}

/** Model files that were made for a purpose and can be loaded. */
export function usableFor(wanted: ModelPurpose, library: Pick<Library, "list">): readonly ModelFile[] {
  return library.list().filter(({ purpose, problem }) => purpose === wanted && problem === "");
}

/** The only model on disk that was made for a purpose: of several none is the default, for vectors of one say nothing to another. */
function onlyOne(library: Pick<Library, "list">, purpose: ModelPurpose): string | undefined {
  const usable = usableFor(purpose, library);
  return usable.length === 1 ? usable[0]?.id : undefined;
}

function servesUnasked({ name, defaultModel }: NamedUpstream): string | undefined {
  return defaultModel === "" ? name : undefined;
}
