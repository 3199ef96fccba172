import { unsupportedField } from "../../core/reasons.ts";
import type { EngineReasoningEffort } from "../protocol/prompt.ts";
import type { ChatTemplate } from "./chat-template.ts";
import type { Template } from "./jinja.ts";

/** Variables by which a template is told how hard to think. */
export interface EffortVariables {
  /** Turns thinking on and off; undefined: the template has no such variable. */
  readonly toggle: string | undefined;
  /** Takes the name of an effort; undefined: the template has no such variable. */
  readonly level: string | undefined;
}

const toggles = ["enable_thinking", "thinking"];
const levels = ["reasoning_effort", "thinking_effort"];
/** Words for not thinking at all, of which templates know at most one. */
const wordsForNone = ["no_think", "none"];
/** Efforts that every template with a level is expected to know. */
const usual: ReadonlySet<EngineReasoningEffort> = new Set(["low", "medium", "high"]);

/** Finds the variables: a toggle counts when turning it changes what the template writes. */
export function effortVariables(
  template: Template,
  render: (variables: Readonly<Record<string, unknown>>) => string | undefined,
): EffortVariables {
  const isToggle = (name: string) => template.names.has(name) && render({ [name]: true }) !== render({ [name]: false });
  return { toggle: toggles.find(isToggle), level: levels.find((name) => template.names.has(name)) };
}

/** Variables for an effort. No thinking asks for nothing of a model that does none. Throws `unsupported_field` where the template has none that say it. */
export function effortOptions(
  effort: EngineReasoningEffort | undefined,
  template: Pick<ChatTemplate, "effort" | "words" | "style">,
): Readonly<Record<string, unknown>> {
  if (effort === undefined || (effort === "none" && !thinks(template))) return {};
  const {
    effort: { toggle, level },
    words,
  } = template;
  const isOff = effort === "none";
  const word = wordFor(effort, words);
  const said = { ...(toggle !== undefined && { [toggle]: !isOff }), ...(level !== undefined && word !== undefined && { [level]: word }) };
  if (Object.keys(said).length > 0) return said;
  throw unsupportedField("reasoning.effort", `the model's chat template has no variable that says ${effort}: leave it out`);
}

function thinks({ effort: { toggle, level }, style }: Pick<ChatTemplate, "effort" | "style">): boolean {
  return toggle !== undefined || level !== undefined || style.thinking !== undefined;
}

function wordFor(effort: EngineReasoningEffort, words: ReadonlySet<string>): string | undefined {
  if (effort === "none") return wordsForNone.find((each) => words.has(each));
  return usual.has(effort) || words.has(effort) ? effort : undefined;
}
