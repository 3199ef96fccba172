import { ConnectError } from "@connectrpc/connect";
import { LlamaGrammar, LlamaGrammarEvaluationState, type LlamaModel } from "node-llama-cpp";
import { invalidField } from "../../core/reasons.ts";
import { checkedGbnf } from "../grammar/gbnf-check.ts";
import type { EngineFormat } from "../protocol/request.ts";
import { Recent } from "../recent.ts";
import { writableGrammar } from "./writable.ts";

/** Grammars of a model that are kept: each may be 64 KiB of text, and its rules are parsed anew for each answer anyway. */
const mostGrammars = 64;

const grammars = new WeakMap<LlamaModel, Recent<LlamaGrammar>>();

/** The grammar of a text, checked once for as long as it is in use. Throws when llama.cpp cannot parse it, and `invalid_request` naming `field` when the model can write nothing of it. */
function grammarOf(model: LlamaModel, gbnf: string, field: string): LlamaGrammar {
  const known = grammars.get(model) ?? new Recent<LlamaGrammar>(mostGrammars);
  grammars.set(model, known);
  return known.get(gbnf, () => {
    const grammar = writableGrammar(model, gbnf);
    if (grammar === undefined) throw invalidField(field, "asks for characters that this model has no tokens for");
    // The library's other way to make one is asynchronous without need, and a tick cannot wait.
    // oxlint-disable-next-line typescript/no-deprecated
    return new LlamaGrammar(model.llama, { grammar });
  });
}

/** A state at the beginning of a grammar that `field` asks for. It is never cloned: the library's clone takes time by the square of the grammar's size, 120 ms for 57 KiB where parsing takes 11. */
export function beginGrammar(model: LlamaModel, gbnf: string, field: string): LlamaGrammarEvaluationState {
  return new LlamaGrammarEvaluationState({ model, grammar: grammarOf(model, gbnf, field) });
}

/** Refuses a caller's grammar that llama.cpp cannot parse. Its size and nesting must have been checked: too deep a one would crash the process. */
export function checkGrammar(model: LlamaModel, format: EngineFormat): void {
  if (format.type !== "grammar") return;
  // llama.cpp prints what it cannot parse, and hangs on some of it: it never sees a caller's own text.
  const field = "response_format.grammar.gbnf";
  const checked = checkedGbnf(format.gbnf, field);
  try {
    grammarOf(model, checked, field);
  } catch (error) {
    if (error instanceof ConnectError) throw error;
    throw invalidField(
      field,
      "llama.cpp cannot parse this grammar: it needs a rule named root, every rule that it uses, and no rule that begins with itself",
    );
  }
}
