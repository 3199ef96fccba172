import type { Variables } from "../core/child-environment.ts";
import type { ValueType } from "./values.ts";

/** Another name of a variable, where older services or platforms use one. */
export interface Alias {
  readonly name: string;
  /** How its text is read; the row's own type unless it differs. */
  readonly type: ValueType;
  /** Whether the name means this row, by the other variables; absent: always. Where it does not, it is refused as a part that this version lacks. */
  readonly when?: (variables: Variables) => boolean;
}

/** One variable: what it sets, how its text is read, and what to say about it. */
export interface EnvironmentRow {
  readonly name: string;
  /** Paths of the configuration (`http.port`), an upstream by its name (`upstreams.openai.baseUrl`), or of what only the environment says (`hub.token`). */
  readonly sets: readonly string[];
  readonly type: ValueType;
  /** What holds when nothing is set, for people. */
  readonly default: string;
  readonly what: string;
  readonly aliases: readonly Alias[];
}

interface Facts extends Pick<EnvironmentRow, "type" | "default" | "what"> {
  readonly aliases?: readonly (string | Alias)[];
}

/** Makes a row; an alias that is a name alone has the row's type. */
export function row(name: string, sets: string | readonly string[], { aliases = [], ...facts }: Facts): EnvironmentRow {
  const typed = aliases.map((alias) => (typeof alias === "string" ? { name: alias, type: facts.type } : alias));
  return { name, sets: typeof sets === "string" ? [sets] : sets, ...facts, aliases: typed };
}
