import { ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { reasonOf } from "../../core/reasons.ts";
import { seededRandom } from "../../testing/seeded-random.ts";
import { randomSentences } from "../../testing/random-sentence.ts";
import { checkedGbnf } from "./gbnf-check.ts";

function refusal(gbnf: string): string {
  try {
    checkedGbnf(gbnf, "grammar");
  } catch (error) {
    if (error instanceof ConnectError && reasonOf(error) === "invalid_request") return error.rawMessage;
    throw error;
  }
  throw new Error("it was taken");
}

const many = (count: number, line: (index: number) => string) => Array.from({ length: count }, (_, index) => line(index)).join("");

test("a grammar is told anew, and writes what it wrote", () => {
  const source =
    '# a list\nroot ::= item ("," ws\n item){1,3} # end\nitem ::= [^\\x00-\\x40\\x5B-\\U0010FFFF]+ | "\\"" "\\u00e9" "\\""\nws ::= [ \\t]?\n';
  const draw = randomSentences(checkedGbnf(source, "grammar"), seededRandom(1));
  for (let time = 0; time < 50; time++) expect(draw(40)).toMatch(/^([A-Z]+|"é")(,[ \t]?([A-Z]+|"é")){1,3}$/);
});

test("what llama.cpp crashes on, never ends with or prints is refused", () => {
  expect(refusal(`root ::= ${"(".repeat(201)}"a"${")".repeat(201)}`)).toContain("200 deep");
  expect(refusal(`root ::= ${"(".repeat(60_000)}`)).toContain("200 deep");
  expect(refusal(`root ::= "${"a".repeat(64 * 1024)}"`)).toContain("65536 bytes");
  expect(refusal('root ::= root "a" | "b"')).toContain("begins with itself");
  expect(refusal('root ::= empty root "y" | "z"\nempty ::= no no\nno ::= "x" | ""')).toContain("begins with itself");
  expect(refusal('root ::= "a"{0,100000000}')).toContain("2000 times");
  expect(refusal(`root ::= ${'"a"{2000} '.repeat(400)}`)).toContain("written out");
  expect(refusal(`root ::= r0\n${many(60, (index) => `r${index} ::= r${index + 1} "a" | r${index + 1} "b"\n`)}r60 ::= "a"`)).toContain(
    "ways",
  );
  expect(refusal('root ::= ("a"?)*')).toContain("may be empty");
  expect(refusal(`root ::= ${"(".repeat(16)}"a"${")+".repeat(16)}`)).toContain("ambiguous");
  expect(refusal('root ::= s\ns ::= "a" s "b" | "a" s "c" | "a"')).toContain("ambiguous");
  expect(refusal("root ::= next")).toContain("does not tell");
  expect(refusal("")).toContain("no rule named root");
});

test("what cannot be read is refused by its line", () => {
  expect(refusal('root ::= next\nnext ::= "a')).toContain("line 2");
  expect(refusal('root ::= "\\q"')).toContain("line 1");
  expect(refusal("root ::= []")).toContain("brackets");
  expect(refusal("root ::= <think>")).toContain("token");
  for (const none of ["[\\x00]", "[^\\x01-\\U0010FFFF]", "[^\\x00-\\U0010FFFF]", "[\\ud800-\\udfff]"])
    expect(refusal(`root ::= "a" ${none}`)).toContain("brackets without a character");
  expect(refusal('root ::= "\\ud800"')).toContain("no text has");
  expect(refusal('root ::= "a"\nroot ::= "b"')).toContain("second time");
  expect(refusal('root ::= "a\0"')).toContain("line 1");
});

test("deep and wide grammars that end are taken", () => {
  expect(checkedGbnf(`root ::= ${"(".repeat(200)}"a"${")".repeat(200)}`, "grammar")).toBe('root ::= "a"\n');
  expect(checkedGbnf(`root ::= r0\n${many(1000, (index) => `r${index} ::= r${index + 1}\n`)}r1000 ::= "a"`, "grammar")).toContain("r1000");
});
