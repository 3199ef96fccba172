import type { Compiler } from "./compiler.ts";
import type { Expression } from "./expression.ts";
import { jsonString } from "./json.ts";
import type { Shape } from "./shape.ts";

/** JSON of a string of a shape. */
export function stringText({ minLength, maxLength, patterns, formats }: Shape, { book, text }: Compiler): Expression {
  const [unknown] = [...patterns, ...formats];
  if (unknown !== undefined) throw text.unsupported(unknown.pointer, "this version knows no patterns");
  return book.shared(jsonString(book, minLength, maxLength));
}
