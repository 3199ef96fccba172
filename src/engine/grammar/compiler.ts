import type { Expression } from "./expression.ts";
import type { Together } from "./merge.ts";
import type { RuleBook } from "./rule-book.ts";
import type { SchemaNode, SchemaText } from "./schema-text.ts";
import type { Shape } from "./shape.ts";

/** What the writers of each kind of value work with. */
export interface Compiler {
  readonly book: RuleBook;
  readonly text: SchemaText;
  /** The rule of all that these schemas allow together; no schema: any value. */
  valueOf(nodes: readonly SchemaNode[]): Expression;
  /** The shape of these schemas together. */
  shapeOf(together: Together): Shape;
  /** Counts work against the compilation's budget, and ends it when that is spent, naming the pointer. Default: that of the schema that is being written. */
  readonly spend: (work: number, pointer?: string) => void;
}
