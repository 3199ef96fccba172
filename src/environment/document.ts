import { combinations, type Combination } from "../core/combinations.ts";
import { limits } from "../core/limits.ts";
import type { LimitRow } from "../core/limits/row.ts";
import { environment, laterVariables } from "../environment.ts";
import type { EnvironmentRow } from "./row.ts";

/** The text of `.env.example`: every variable with what it means, commented out. */
export function environmentExample(): string {
  const head = [
    "# Every variable of the service, commented out, with its default. A copy named .env beside this file is read at the start;",
    "# the process's own variables beat it. Written by `npm run generate` from src/environment.ts.",
  ];
  const rows = environment.map((row) =>
    ["", ...wrap(plain(`${row.what} ${meta(row)}`)).map((line) => `# ${line}`), `# ${row.name}=${exampleOf(row)}`].join("\n"),
  );
  return `${[...head, ...rows].join("\n")}\n`;
}

/** The README's table of variables. */
export function environmentTableMarkdown(): string {
  const rows = environment.map((row) => [
    `\`${row.name}\``,
    row.aliases.map(({ name }) => `\`${name}\``).join(", "),
    row.default,
    row.type.name,
    row.what,
  ]);
  const later = laterVariables.filter((name) => name.startsWith("LLM_"));
  const [asking, idle] = [true, false].map((asks) =>
    later.filter((name) => name.endsWith("_ENABLED") === asks).map((name) => `\`${name}\``),
  );
  return [
    markdownTable([["Variable", "Also", "Default", "Type", "Meaning"], ...rows]),
    "",
    `The parts of some variables are not in this version: nothing is cached, stored or sent to a broker. Refused unless they are false: ${asking?.join(", ")}. Ignored, with a warning: ${idle?.join(", ")}.`,
  ].join("\n");
}

/** The README's table of limits. */
export function limitsTableMarkdown(): string {
  const rows = Object.entries(limits).map(([name, { default: value, min, max, unit, reason, what }]) => [
    `\`${name}\``,
    amount(value, unit),
    `${min} to ${max}`,
    reason === undefined ? "" : `\`${reason}\``,
    what,
  ]);
  return markdownTable([["Limit", "Default", "Range", "Error", "What it limits"], ...rows]);
}

/** The README's table of what local models refuse together. */
export function combinationsTableMarkdown(): string {
  const rows = Object.values<Combination>(combinations).map(({ one, other, which, because }) => [
    one,
    `\`${other}\`${which === undefined ? "" : ` ${which}`}`,
    because,
  ]);
  return markdownTable([["Together with", "is refused", "because"], ...rows]);
}

/** A document with the text between `<!-- name -->` and `<!-- /name -->` replaced; as it was where there are no such markers. */
export function refreshSection(document: string, name: string, text: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const start = document.indexOf(open);
  const end = document.indexOf(close, start);
  return start < 0 || end < 0 ? document : `${document.slice(0, start)}${open}\n\n${text}\n\n${document.slice(end)}`;
}

const steps: Partial<Record<LimitRow["unit"], readonly (readonly [size: number, name: string])[]>> = {
  ms: [
    [60_000, "min"],
    [1000, "s"],
  ],
  bytes: [
    [2 ** 40, "TiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
  ],
};

/** As the configuration takes it, and as people say it. */
function amount(value: number, unit: LimitRow["unit"]): string {
  const [size, name] = steps[unit]?.find(([step]) => value >= step && value % step === 0) ?? [];
  const bare = unit === "count" ? String(value) : `${value} ${unit}`;
  return size === undefined ? bare : `${bare} (${value / size} ${name})`;
}

/** A table of Markdown, its columns padded as the formatter would. */
export function markdownTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const escaped = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(3, ...escaped.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  const [first = [], ...rest] = escaped;
  return [line(first), rule, ...rest.map(line)].join("\n");
}

function meta({ type, default: value, aliases }: EnvironmentRow): string {
  const also = aliases.length === 0 ? "" : ` Also: ${aliases.map(({ name }) => name).join(", ")}.`;
  return `${type.name[0]?.toUpperCase()}${type.name.slice(1)}; default: ${value}.${also}`;
}

/** A default that can be written as a value; empty where the default is derived. */
function exampleOf({ default: value }: EnvironmentRow): string {
  return /^[\w.:/-]+$/.test(plain(value)) && value !== "none" ? plain(value) : "";
}

function plain(text: string): string {
  return text.replaceAll("`", "");
}

function wrap(text: string, width = 118): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
