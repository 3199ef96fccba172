import { parseArgs } from "node:util";
import type { Bench } from "./bench.ts";
import { fuzz } from "./fuzz.ts";
import { gguf } from "./gguf.ts";
import { abuse } from "./abuse.ts";
import { cancel } from "./cancel.ts";
import { drawing } from "./drawing.ts";
import { engine } from "./engine.ts";
import { gap } from "./gap.ts";
import { memory } from "./memory.ts";
import { prefix } from "./prefix.ts";
import { proxy } from "./proxy.ts";
import { writeResult } from "./results.ts";
import { rpc } from "./rpc.ts";
import { schema } from "./schema.ts";
import { soak } from "./soak.ts";

/** Every benchmark there is, by the word that starts it. */
const benches: Readonly<Record<string, Bench>> = {
  abuse,
  rpc,
  memory,
  gguf,
  fuzz,
  engine,
  gap,
  cancel,
  prefix,
  proxy,
  drawing,
  soak,
  schema,
};

const [name, ...rest] = process.argv.slice(2);
const bench = name === undefined ? undefined : benches[name];
if (bench === undefined || name === undefined) {
  if (name !== undefined) console.error(`there is no benchmark ${name}`);
  for (const [known, { what, options }] of Object.entries(benches)) {
    console.log(`npm run bench -- ${known}   ${what}`);
    for (const [option, { default: value, what: meaning }] of Object.entries(options)) console.log(`    --${option} ${value}   ${meaning}`);
  }
  process.exitCode = name === undefined ? 0 : 1;
} else {
  const options = numbersOf(bench, rest);
  const report = await bench.run(options, (line) => console.log(line));
  console.log(`written to ${writeResult(name, process.argv.slice(2), report)}`);
}

function numbersOf({ options }: Bench, words: readonly string[]): Record<string, number> {
  const known = Object.fromEntries(Object.keys(options).map((option) => [option, { type: "string" as const }]));
  const { values } = parseArgs({ args: [...words], options: known });
  const given = Object.entries(options).map(([option, { default: value }]): [string, number] => [option, Number(values[option] ?? value)]);
  for (const [option, value] of given) if (!(value > 0)) throw new TypeError(`--${option} takes a number above 0`);
  return Object.fromEntries(given);
}
