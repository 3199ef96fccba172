import type { Variables } from "../core/child-environment.ts";

/** The text of a variable; an empty one counts as unset. */
export function textOf(variables: Variables, name: string): string | undefined {
  const text = variables[name]?.trim();
  return text === "" ? undefined : text;
}
