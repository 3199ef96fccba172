import { choice, repeat, sequence, set, type Expression } from "./expression.ts";
import { PatternError, patternWords, type PatternWords } from "./pattern-words.ts";

/** One alternative of a pattern. */
export interface PatternBranch {
  readonly body: Expression;
  /** Whether the text begins with it, and ends with it. */
  readonly isStart: boolean;
  readonly isEnd: boolean;
}

/** Longest pattern. */
const mostPatternLength = 4096;
/** Most groups inside one another. */
const mostGroups = 64;

type Piece =
  | { readonly kind: "start" }
  | { readonly kind: "end" }
  | { readonly kind: "group"; readonly rows: readonly (readonly Piece[])[] }
  | { readonly kind: "text"; readonly expression: Expression };

/** Reads a regular expression as validators do: of JavaScript with the flag `u`. Throws PatternError for what is none, and for what a grammar cannot express. */
export function parsedPattern(source: string): PatternBranch[] {
  if (source.length > mostPatternLength) throw new PatternError(`is longer than ${mostPatternLength} characters`);
  try {
    RegExp(source, "u");
  } catch {
    throw new PatternError("is no regular expression of JavaScript");
  }
  return branches(rowsOf(patternWords(source), 0), { isStart: false, isEnd: false });
}

function rowsOf(words: PatternWords, depth: number): Piece[][] {
  if (depth > mostGroups) throw new PatternError(`has groups more than ${mostGroups} deep in one another`);
  const rows: Piece[][] = [[]];
  while (!words.isAtEnd && words.peek() !== ")") {
    if (words.takes("|")) rows.push([]);
    else rows.at(-1)?.push(pieceOf(words, depth));
  }
  return rows;
}

function pieceOf(words: PatternWords, depth: number): Piece {
  if (words.takes("^")) return { kind: "start" };
  if (words.takes("$")) return { kind: "end" };
  const piece = words.peek() === "(" ? groupOf(words, depth) : ({ kind: "text", expression: set(...words.characters()) } as const);
  const times = words.times();
  return times === undefined ? piece : { kind: "text", expression: repeat(withoutAnchors([piece]), times.min, times.max) };
}

function groupOf(words: PatternWords, depth: number): Piece {
  words.group();
  const rows = rowsOf(words, depth + 1);
  words.takes(")");
  return { kind: "group", rows };
}

/** Alternatives with their anchors; a group that is all there is between anchors is looked into. */
function branches(rows: readonly (readonly Piece[])[], around: Pick<PatternBranch, "isStart" | "isEnd">): PatternBranch[] {
  return rows.flatMap((row): PatternBranch[] => {
    const first = row.findIndex(({ kind }) => kind !== "start");
    const last = row.findLastIndex(({ kind }) => kind !== "end");
    const isStart = around.isStart || row[0]?.kind === "start";
    const isEnd = around.isEnd || row.at(-1)?.kind === "end";
    const body = first < 0 || last < first ? [] : row.slice(first, last + 1);
    const [only] = body;
    if (body.length === 1 && only?.kind === "group") return branches(only.rows, { isStart, isEnd });
    return [{ body: withoutAnchors(body), isStart, isEnd }];
  });
}

function withoutAnchors(row: readonly Piece[]): Expression {
  return sequence(
    ...row.map((piece) => {
      if (piece.kind === "text") return piece.expression;
      if (piece.kind === "group") return choice(...piece.rows.map(withoutAnchors));
      throw new PatternError("has ^ or $ elsewhere than at its ends");
    }),
  );
}
