import type { Compiler } from "./compiler.ts";
import type { Expression } from "./expression.ts";
import { jsonInteger, jsonNumber } from "./json.ts";
import { below } from "./schema-text.ts";
import type { Shape } from "./shape.ts";

/** JSON of a number of a shape. */
export function numberText({ low, high, multiples, isInteger }: Shape, { book, text }: Compiler): Expression {
  const [multiple] = multiples;
  if (multiple !== undefined) throw text.unsupported(multiple.pointer, "this version does not count in multiples");
  if (low !== undefined || high !== undefined) throw text.unsupported(below("#", "minimum"), "this version does not bound numbers");
  return book.shared(isInteger ? jsonInteger : jsonNumber);
}
