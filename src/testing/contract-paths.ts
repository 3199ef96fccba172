import { fateOf, fieldPaths, type FieldFate, type FieldTable } from "../core/fields.ts";

/** Every field of a ChatRequest that a table gives this fate; a message whose fields have fates of their own is left out, they speak for it. */
export function contractPaths(table: FieldTable, fate: FieldFate["is"]): string[] {
  const paths = fieldPaths();
  const isLeaf = (path: string) => !paths.some((other) => other.startsWith(`${path}.`));
  return paths.filter((path) => isLeaf(path) && fateOf(table, path)?.is === fate);
}
