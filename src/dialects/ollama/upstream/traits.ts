import { optionKeys, type OptionKeys } from "../../given-options.ts";
import { checkQuirks, countQuirk, quirkOf, type Quirks } from "../../quirks.ts";

/** What an Ollama upstream does, its quirks worked in. */
export interface OllamaTraits {
  readonly optionKeys: OptionKeys;
  /** Sent as `num_ctx`; undefined: computed for each request. */
  readonly contextLength: number | "server" | undefined;
  /** Whether thinking is asked for by a level, or only switched on and off. */
  readonly thinking: "levels" | "switch";
  /** Whether an assistant message at the end is gone on from. */
  readonly canContinue: boolean;
}

/**
 * Reads the quirks of an Ollama upstream. Throws `invalid_request` for names and values that nobody knows.
 * `numCtx`: a number for every request, or `server`, which leaves it to the server. `think`: `switch` for servers before 0.20, which refuse levels for most models.
 * `prefill`: `continued` where the templates of its models go on from an assistant's message at the end.
 */
export function ollamaTraits(quirks: Quirks, name?: string): OllamaTraits {
  checkQuirks(quirks, ["numCtx", "think", "prefill"]);
  return {
    optionKeys: optionKeys("ollama", name),
    contextLength: quirks["numCtx"] === "server" ? "server" : countQuirk(quirks, "numCtx"),
    thinking: quirkOf(quirks, "think", ["levels", "switch"]),
    canContinue: quirkOf(quirks, "prefill", ["refused", "continued"]) === "continued",
  };
}
