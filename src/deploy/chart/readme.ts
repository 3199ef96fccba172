import { parse } from "yaml";
import { markdownTable, refreshSection } from "../../environment/document.ts";

/** One value of the chart: where it stands, what it is unless said otherwise, and what it means. */
export interface DocumentedValue {
  readonly path: string;
  readonly default: string;
  readonly what: string;
}

const comment = /^( *)# -- (.+)$/;
const field = /^( *)([A-Za-z0-9]+):/;

/** The values of values.yaml that a comment of the form `# -- text` explains, in their order. */
export function documentedValues(file: string): readonly DocumentedValue[] {
  const values: unknown = parse(file);
  const above: string[] = [];
  const lines = file.split("\n");
  return lines.flatMap((line, index) => {
    const [, indent = "", name] = field.exec(line) ?? [];
    if (name === undefined) return [];
    above.length = indent.length / 2;
    above.push(name);
    const [, , what] = comment.exec(lines[index - 1] ?? "") ?? [];
    return what === undefined ? [] : [{ path: above.join("."), default: JSON.stringify(valueAt(values, above)), what }];
  });
}

function valueAt(values: unknown, path: readonly string[]): unknown {
  return path.reduce((at, name) => (at as Readonly<Record<string, unknown>>)[name], values);
}

/** The chart's README with its table of values made anew. */
export function renewedReadme(readme: string, file: string): string {
  const rows = documentedValues(file).map((value) => [`\`${value.path}\``, `\`${shortened(value.default)}\``, value.what]);
  return refreshSection(readme, "values", markdownTable([["Value", "Default", "Meaning"], ...rows]));
}

/** Long lists are read in values.yaml. */
function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 97)}...` : text;
}
