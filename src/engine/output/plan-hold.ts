import { invalidField } from "../../core/reasons.ts";
import { mostGrammarBytes } from "../grammar/grammar.ts";
import { choice, sequence, text as literal, type Expression } from "../grammar/expression.ts";
import type { Prompt } from "../prompt.ts";
import type { EngineConversation, EngineTool } from "../protocol/prompt.ts";
import type { EngineFormat, EngineRequest } from "../protocol/request.ts";
import {
  anyArguments,
  argumentsGrammar,
  callsGrammar,
  formatRules,
  gbnfOf,
  mostForcedCalls,
  ruleTable,
  type Grammar,
} from "./call-grammar.ts";
import type { CallRules } from "./call-sink.ts";
import { writes } from "./grammar-rest.ts";
import { breaks, type Hold } from "./held-output.ts";
import type { ChatStyle } from "./styles.ts";
import { allowedTools } from "./tool-texts.ts";

/** What the answers to a request are held to, and the fields that ask for it. */
export interface HoldPlan {
  readonly hold: Hold;
  /** Empty: nothing is ever held to a grammar. */
  readonly fields: readonly string[];
  /** What calls are held against; absent: none are looked for. */
  readonly calls?: CallRules;
}

/** Decides what a request's answers are held to. Throws naming the field that cannot be honoured. */
export function planHold(request: EngineRequest, prompt: Prompt): HoldPlan {
  const { style } = prompt;
  const { prompt: conversation, format } = request;
  const base = { afterThinking: afterThinking(style), tellsCalls: false, mostCalls: Infinity, ...mayThink(prompt) };
  const tools = conversation.type === "messages" ? indexed(conversation) : [];
  if (conversation.type !== "messages" || tools.length === 0) {
    const whole = formatHold(format, style);
    return whole === undefined ? { hold: base, fields: [] } : { hold: { ...base, whole }, fields: [formatField(format)] };
  }
  const asked: Asked = { request, conversation, style, tools };
  const mostCalls = most(asked);
  if (conversation.toolChoice.mode === "required") return forced(asked, { ...base, mostCalls, tellsCalls: true, isOnlyCalls: true });
  return format.type === "text" ? free(asked, { ...base, mostCalls }) : either(asked, { ...base, mostCalls });
}

/** A function with its place in the request. */
interface IndexedTool {
  readonly tool: EngineTool;
  readonly index: number;
}

interface Asked {
  readonly request: EngineRequest;
  readonly conversation: EngineConversation;
  readonly style: ChatStyle;
  /** Those that may be called. */
  readonly tools: readonly IndexedTool[];
}

function indexed({ tools, toolChoice }: EngineConversation): IndexedTool[] {
  const allowed = allowedTools(tools, toolChoice);
  return tools.flatMap((tool, index) => (allowed.includes(tool) ? [{ tool, index }] : []));
}

/** A function that is named is called once, unless several calls are asked for. */
function most({ conversation: { parallelToolCalls, toolChoice }, style }: Asked): number {
  const isNamed = toolChoice.mode === "required" && toolChoice.names.length === 1;
  if (style.calls.reader === "harmony" || !(parallelToolCalls ?? !isNamed)) return 1;
  if (toolChoice.mode !== "required") return Infinity;
  return style.calls.isParallel ? mostForcedCalls : 1;
}

/** The model may begin to think unless its prompt has begun, or has ended thinking already. */
function mayThink({ style: { thinking }, text, isThinking }: Prompt): Pick<Hold, "thinking"> {
  return thinking === undefined || isThinking || text.trimEnd().endsWith(thinking.close) ? {} : { thinking };
}

/** Calls, and nothing else. */
function forced(asked: Asked, base: Hold): HoldPlan {
  const given = schemaGrammars(asked.tools);
  const whole = calls(asked, given, base);
  return { hold: { ...base, whole: checked(whole, "tools") }, fields: ["tool_choice"], calls: callRules(asked, () => true) };
}

/** Text as the model likes, and calls whose arguments are held to their schema, or to JSON, once they have begun. */
function free(asked: Asked, base: Hold): HoldPlan {
  const { request, tools } = asked;
  const strict = tools.filter(({ tool }) => tool.strict);
  const exact = schemaGrammars(strict);
  const fits: CallRules["fits"] = (call) => {
    const grammar = exact.get(call.tool.name);
    return grammar === undefined || writes(grammar.expression, call.arguments, ruleTable(grammar));
  };
  const found = callRules(asked, fits);
  // What cannot go together with grammars goes without: calls are then told when they are complete.
  if (strict.length === 0 && !goesWithGrammars(request)) return { hold: base, fields: [], calls: found };
  const any = anyArguments();
  const fields = strict.length > 0 ? strict.map(({ index }) => `tools[${index}].function.strict`) : ["tools"];
  return { hold: { ...base, argumentsOf: ({ tool }) => exact.get(tool.name) ?? any }, fields, calls: found };
}

/** Whether nothing is asked for that grammars rule out, or make slow, for some model. */
function goesWithGrammars({ topLogprobs, minTokens, ignoreEos, sampling }: EngineRequest): boolean {
  const isPlain = sampling.logitBias.length === 0 && sampling.dry === undefined && sampling.xtc === undefined;
  return isPlain && topLogprobs === undefined && minTokens === 0 && !ignoreEos;
}

/** An answer in a format, or calls. */
function either(asked: Asked, base: Hold): HoldPlan {
  const { request, style, tools } = asked;
  const format = formatHold(request.format, style);
  if (format === undefined) return free(asked, base);
  const any = anyArguments();
  const exact = schemaGrammars(tools.filter(({ tool }) => tool.strict));
  const given = new Map(tools.map(({ tool }) => [tool.name, exact.get(tool.name) ?? any]));
  const called = calls(asked, given, base);
  const whole = {
    expression: choice(format.expression, called.expression),
    rules: new Map([...format.rules, ...called.rules]),
  };
  // A bare object may turn out to be the answer itself.
  const hold = { ...base, whole: checked(whole, "tools"), tellsCalls: !style.calls.isBare };
  return { hold, fields: [formatField(request.format)], calls: callRules(asked, () => true) };
}

/** A grammar that is no larger than one may be. */
function checked(grammar: Grammar, field: string): Grammar {
  const bytes = Buffer.byteLength(gbnfOf(grammar));
  if (bytes <= mostGrammarBytes) return grammar;
  throw invalidField(
    field,
    `the grammar of all that may be written has ${bytes} bytes, and ${mostGrammarBytes} is the most: make it smaller`,
  );
}

function schemaGrammars(tools: readonly IndexedTool[]): ReadonlyMap<string, Grammar> {
  return new Map(tools.map(({ tool, index }) => [tool.name, argumentsGrammar(tool, index)]));
}

function calls({ style }: Asked, given: ReadonlyMap<string, Grammar>, { mostCalls }: Hold): Grammar {
  return callsGrammar(style.calls, given, Math.min(mostCalls, mostForcedCalls));
}

function callRules({ style, tools }: Asked, fits: CallRules["fits"]): CallRules {
  return { style, tools: tools.map(({ tool }) => tool), fits };
}

/** What a format holds an answer to. */
function formatHold(format: EngineFormat, { calls: { reader } }: ChatStyle): Grammar | undefined {
  const grammar = formatRules(format);
  if (grammar === undefined) return undefined;
  if (reader !== "harmony") return grammar;
  return { ...grammar, expression: sequence(literal("<|channel|>final<|message|>"), grammar.expression) };
}

function formatField({ type }: EngineFormat): string {
  return `response_format.${type.replace("-", "_")}`;
}

function afterThinking({ calls: { reader } }: ChatStyle): Expression {
  return reader === "harmony" ? literal("<|start|>assistant") : breaks;
}
