import { fault } from "../core/reasons.ts";
import type { Variables } from "../core/child-environment.ts";
import { environment, laterVariables } from "../environment.ts";
import { nearest } from "./nearest.ts";
import type { Alias, EnvironmentRow } from "./row.ts";
import { textOf } from "./text-of.ts";
import {
  isServiceLink,
  saysNothing,
  secretsType,
  secretType,
  switchType,
  unparsable,
  type SettingValue,
  type ValueType,
} from "./values.ts";

/** One thing that was set, and by what. */
export interface Setting {
  readonly value: SettingValue;
  /** Name of the variable or flag. */
  readonly from: string;
  readonly isSecret: boolean;
}

/** What a set of variables says. */
export interface EnvironmentReading {
  /** By path, such as `http.port`. */
  readonly settings: ReadonlyMap<string, Setting>;
  /** Sentences for people: what was set and is not heeded. */
  readonly warnings: readonly string[];
}

/** Understands variables by the table. Throws `invalid_request` that names the variable: one that cannot be read, an unknown name of ours, or one of a part that this version lacks. */
export function readEnvironment(variables: Variables): EnvironmentReading {
  refuseUnknown(variables);
  refuseContradiction(variables);
  const settings = new Map<string, Setting>();
  for (const row of environment) {
    const setting = readRow(row, variables);
    if (setting === undefined) continue;
    for (const path of row.sets) if (!settings.has(path)) settings.set(path, setting);
  }
  return { settings, warnings: warningsOf(variables) };
}

/** Understands a flag by the row that sets the same path. Throws `invalid_request` that names the flag. */
export function readFlag(flag: string, path: string, text: string): Setting {
  const row = environment.find(({ sets }) => sets.includes(path));
  if (row === undefined) throw new TypeError(`no variable sets ${path}`);
  const value = parse(flag, row.type, text);
  if (value === saysNothing) throw unreadable(flag, row.type, text);
  return { value, from: flag, isSecret: isSecret(row) };
}

function readRow(row: EnvironmentRow, variables: Variables): Setting | undefined {
  for (const { name, type, when } of namesOf(row)) {
    if (when?.(variables) === false) continue;
    const text = textOf(variables, name);
    if (text === undefined) continue;
    const value = parse(name, type, text);
    if (value !== saysNothing) return { value, from: name, isSecret: isSecret(row) };
  }
  return undefined;
}

/** Who may come in must not hang on which of two names wins: the image sets one of them. */
function refuseContradiction(variables: Variables): void {
  const names = environment.filter(({ sets }) => sets.includes("http.open")).flatMap(namesOf);
  const said = names.map(({ name, type }) => ({ name, value: type.parse(textOf(variables, name) ?? "") }));
  const [opens, closes] = [true, false].map((wanted) => said.find(({ value }) => value === wanted)?.name);
  if (opens === undefined || closes === undefined) return;
  throw fault("invalid_request", `${opens} opens the service and ${closes} closes it: unset one, or let both say the same`);
}

/** The row's own name, then its aliases. */
function namesOf({ name, type, aliases }: EnvironmentRow): readonly Alias[] {
  return [{ name, type }, ...aliases];
}

function isSecret({ type }: EnvironmentRow): boolean {
  return type === secretType || type === secretsType;
}

function parse(name: string, type: ValueType, text: string): SettingValue | typeof saysNothing {
  const value = type.parse(text);
  if (value === unparsable) throw unreadable(name, type, text);
  return value;
}

function unreadable(name: string, type: ValueType, text: string): Error {
  const shown = type.isPrintable ? `${JSON.stringify(text)} is not ${type.expects}` : `its value is not ${type.expects}`;
  return fault("invalid_request", `${name}: ${shown}`);
}

const known = environment.flatMap(({ name, aliases }) => [name, ...aliases.map((alias) => alias.name)]);
/** Names that mean a row under a condition. */
const conditional = environment.flatMap(({ aliases }) => aliases.filter(({ when }) => when !== undefined));
const later = new Set(laterVariables);

function refuseUnknown(variables: Variables): void {
  const ours = Object.keys(variables).filter((name) => name.startsWith("LLM_") && textOf(variables, name) !== undefined);
  const isMeant = (name: string) => (known.includes(name) && means(name, variables)) || isIdle(name);
  const unknown = ours.filter((name) => !isMeant(name) && !isKubernetesLink(name, variables) && !isSwitchedOff(name, variables)).toSorted();
  if (unknown.length > 0) throw fault("invalid_request", unknown.map(whyUnknown).join("; "));
}

/** Whether it is of a part that this version lacks, and does not ask for that part by itself: an address, a size or a name that nothing uses. */
function isIdle(name: string): boolean {
  return later.has(name) && !name.endsWith("_ENABLED");
}

/** Whether it says of a part that this version lacks that it is not wanted. */
function isSwitchedOff(name: string, variables: Variables): boolean {
  return later.has(name) && name.endsWith("_ENABLED") && switchType.parse(textOf(variables, name) ?? "") === false;
}

/** Whether a name that means a row under a condition means one now. */
function means(name: string, variables: Variables): boolean {
  const rows = conditional.filter((alias) => alias.name === name);
  return rows.length === 0 || rows.some(({ when }) => when?.(variables) === true);
}

function whyUnknown(name: string): string {
  if (later.has(name) || known.includes(name)) return `${name}: not in this version, unset it`;
  const near = nearest(
    name,
    known.filter((other) => other.startsWith("LLM_")),
  );
  return `${name}: there is no such variable, ${near === undefined ? "unset it" : `did you mean ${near}`}`;
}

/** Whether Kubernetes wrote it: each pod gets variables named after the services beside it, and a service may be named `llm` or `llm-...`. */
function isKubernetesLink(name: string, variables: Variables): boolean {
  if (/_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(name) || /_PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?$/.test(name)) return true;
  return name.endsWith("_PORT") && isServiceLink(textOf(variables, name) ?? "");
}

function missingKeys(name: string, variables: Variables): string[] {
  const sources = environment.filter(({ sets }) => sets.includes("keys.given") || sets.includes("http.keysFile"));
  if (sources.some((row) => readRow(row, variables) !== undefined)) return [];
  return [
    `${name} asks for keys, and ${sources.map((row) => row.name).join(" and ")} are not set: until \`parley keys create\` has made one, only callers on this machine are served`,
  ];
}

function warningsOf(variables: Variables): string[] {
  const warnings: string[] = [];
  // One of ours that asks for a part has been refused before.
  const ignored = laterVariables.filter((name) => textOf(variables, name) !== undefined && !isSwitchedOff(name, variables));
  if (ignored.length > 0)
    warnings.push(
      `ignored: ${ignored.join(", ")}; the parts that would use them are not in this version: nothing is cached, stored or sent to a broker`,
    );
  const [auth] = environment.filter(({ sets }) => sets.includes("http.open")).flatMap(({ aliases }) => aliases);
  if (auth !== undefined && textOf(variables, auth.name) !== undefined && auth.type.parse(textOf(variables, auth.name) ?? "") === false)
    warnings.push(...missingKeys(auth.name, variables));
  return warnings;
}
