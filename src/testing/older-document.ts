import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readEnvironment } from "../environment/read.ts";
import { laterVariables } from "../environment.ts";
import type { Variables } from "../core/child-environment.ts";
import { pendingOf, type OlderService } from "./older-pending.ts";

/** A variable of an older service: where its document names it, a value, and what that sets. */
export type OlderVariable = readonly [name: string, line: number, text: string, path: string, value: unknown, beside?: Variables];

/** What the document of an older service names. Its words are not part of this repository; where it lies beside it, it is read as well. */
export interface OlderDocument {
  readonly service: OlderService;
  /** How the name of its file begins. */
  readonly file: string;
  /** Lines of its endpoints. */
  readonly endpoints: Readonly<Record<string, number>>;
  readonly variables: readonly OlderVariable[];
  /** Names in capitals that are no variables of the service: other programs', and what code calls its own. */
  readonly foreign?: readonly string[];
}

const folder = join(import.meta.dirname, "../../../shared");

/** Tests that every variable of a document takes effect or is known to be pending, and that the document, where it is there, names nothing else. */
export function walkDocument({ service, file, endpoints, variables, foreign = [] }: OlderDocument): void {
  const pending = pendingOf(service);
  const later = Object.fromEntries(pending.flatMap((each) => Object.entries(each.variables)));

  for (const [name, line, text, path, value, beside = {}] of variables)
    it(`line ${line}: ${name}=${text} sets ${path}`, () => {
      expect(readEnvironment({ [name]: text, ...beside }).settings.get(path)?.value).toEqual(value);
    });

  it("what is pending of its variables is refused, or named in a warning, and never ignored in silence", () => {
    for (const name of Object.keys(later)) {
      expect(laterVariables).toContain(name);
      if (/^LLM_.*_ENABLED$/.test(name)) expect(() => readEnvironment({ [name]: "1" })).toThrow(`${name}: not in this version`);
      else expect(readEnvironment({ [name]: "1" }).warnings.join()).toContain(name);
    }
  });

  const [path] = globSync(`*/${file}_*.txt`, { cwd: folder });
  it.skipIf(path === undefined)("its document names no endpoint and no variable beside these, and these where they are said to be", () => {
    const lines = readFileSync(join(folder, path ?? ""), "utf8").split("\n");
    const ours = new Map<string, number>([
      ...Object.entries(endpoints),
      ...pending.flatMap((each) => Object.entries(each.endpoints)),
      ...variables.map(([name, line]) => [name, line] as const),
      ...Object.entries(later),
    ]);
    for (const [name, line] of ours) expect(lines[line - 1], `line ${line}`).toContain(name.replace(/^[A-Z]+ /, ""));
    const named = lines.flatMap((text, index) => [...endpointsIn(text), ...variablesIn(text)].map((name) => ({ name, line: index + 1 })));
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter(({ name }) => !ours.has(name) && !foreign.includes(name))).toEqual([]);
  });
}

/** `METHOD /path`, however it is set. */
function endpointsIn(text: string): string[] {
  return [...text.matchAll(/\b(GET|POST|DELETE|PUT|PATCH)\b[`"\s]+(\/[\w/]*)/g)].map(([, method, path]) => `${method} ${path}`);
}

/** Names in capitals. */
function variablesIn(text: string): string[] {
  return [...text.matchAll(/\b(?:[A-Z][A-Z0-9]*_[A-Z0-9_]+|PORT)\b/g)].map(([name]) => name);
}

/** The keys of a value and the types of what they hold, at any depth; of a list, those of its first element. */
export function shapeOf(value: unknown): unknown {
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value !== "object") return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shapeOf(inner)]));
}
