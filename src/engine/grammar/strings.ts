import { anyText, atoms, determined, sketched } from "./automaton.ts";
import { product, type Lengths } from "./automaton-product.ts";
import { automatonText } from "./automaton-text.ts";
import type { Compiler } from "./compiler.ts";
import { choice, sequence, text, type Expression } from "./expression.ts";
import { formatPatterns } from "./formats.ts";
import { jsonString } from "./json.ts";
import { parsedPattern, type PatternBranch } from "./pattern.ts";
import { PatternError } from "./pattern-words.ts";
import type { At, Shape } from "./shape.ts";

/** JSON of a string of a shape. Patterns, formats and lengths that hold at once become one automaton. */
export function stringText(shape: Shape, compiler: Compiler): Expression {
  const { minLength, maxLength, patterns, formats } = shape;
  const { book } = compiler;
  if (patterns.length === 0 && formats.length === 0) return book.shared(jsonString(book, minLength, maxLength));
  if (minLength > maxLength) return choice();
  const [costly] = [...patterns, ...formats];
  const spend = (work: number) => compiler.spend(work, costly?.pointer);
  const bodies = [...formatBodies(formats, compiler), ...patterns.map((pattern) => patternBody(pattern, compiler))];
  const [only] = bodies;
  const isCounted = !bodies.some((body) => isWithin(lengthsOf(body), { min: minLength, max: maxLength }));
  if (patterns.length === 0 && bodies.length === 1 && !isCounted && only !== undefined)
    return book.shared(sequence(text('"'), only, text('"')));
  const sketches = bodies.map((body) => sketched(body, spend));
  const ranges = atoms(sketches);
  const automaton = product(
    sketches.map((sketch) => determined(sketch, ranges, spend)),
    isCounted ? { min: minLength, max: maxLength } : { min: 0, max: Infinity },
    spend,
  );
  return sequence(text('"'), automatonText(automaton, ranges, book), text('"'));
}

function isWithin(one: Lengths, other: Lengths): boolean {
  return one.min >= other.min && one.max <= other.max;
}

/** How long the texts of an expression without rules are, in characters. */
function lengthsOf(expression: Expression): Lengths {
  switch (expression.kind) {
    case "set":
      return { min: 1, max: 1 };
    case "repeat": {
      const { min, max } = lengthsOf(expression.item);
      return { min: min * expression.min, max: max === 0 ? 0 : max * expression.max };
    }
    case "choice": {
      const all = expression.items.map(lengthsOf);
      return { min: Math.min(...all.map(({ min }) => min)), max: Math.max(...all.map(({ max }) => max)) };
    }
    case "sequence":
      return expression.items
        .map(lengthsOf)
        .reduce((sum, { min, max }) => ({ min: sum.min + min, max: sum.max + max }), { min: 0, max: 0 });
    default:
      throw new TypeError(`a pattern has no ${expression.kind}`);
  }
}

function formatBodies(formats: readonly At<string>[], { text: source }: Compiler): Expression[] {
  const known = new Map(formats.map(({ value, pointer }) => [value, pointer]));
  return [...known].map(([name, pointer]) => {
    const pattern = formatPatterns.get(name);
    if (pattern === undefined) throw source.unsupported(pointer, `is not one of ${[...formatPatterns.keys()].join(", ")}`);
    return choice(...parsedPattern(pattern).map(({ body }) => body));
  });
}

/** The whole texts in which a pattern is found. */
function patternBody({ value, pointer }: At<string>, { text: source }: Compiler): Expression {
  const whole = ({ body, isStart, isEnd }: PatternBranch) => sequence(...(isStart ? [] : [anyText]), body, ...(isEnd ? [] : [anyText]));
  try {
    return choice(...parsedPattern(value).map(whole));
  } catch (error) {
    if (error instanceof PatternError) throw source.unsupported(pointer, error.message);
    throw error;
  }
}
