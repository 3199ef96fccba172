import { chatStyle, type ChatStyle } from "../output/styles.ts";
import type { EngineMessage, EngineTool } from "../protocol/prompt.ts";
import { effortVariables, type EffortVariables } from "./effort.ts";
import type { Mark } from "./guard.ts";
import { TemplateProblem, template as parsed, type Template } from "./jinja.ts";
import { templateMessage, templateTool, type TemplateForm, type TemplateMessage } from "./template-messages.ts";

/** A model's chat template, with all that was found out about it by trying. */
export interface ChatTemplate {
  readonly style: ChatStyle;
  readonly form: TemplateForm;
  readonly system: SystemPlaces;
  /** Roles whose messages it writes with the name of who speaks. */
  readonly namedRoles: ReadonlySet<EngineMessage["role"]>;
  readonly effort: EffortVariables;
  /** Texts that stand in its expressions. */
  readonly words: ReadonlySet<string>;
  /** What it writes between an answer and the next message of the user's. */
  readonly afterAnswer: string;
  /** Throws `TemplateProblem`. */
  render(messages: readonly TemplateMessage[], variables: Readonly<Record<string, unknown>>): string;
}

/** Where a template writes system messages. */
export interface SystemPlaces {
  /** At the beginning, before a message of the user's. */
  readonly isFirst: boolean;
  /** Anywhere. */
  readonly isLater: boolean;
  /** Without any message of the user's. */
  readonly isAlone: boolean;
}

type Variables = Readonly<Record<string, unknown>>;

const asTheyAre: Mark = (text) => text;
// Words that no template has.
const sentinel = {
  user: "Uqzw",
  next: "Vqzw",
  system: "Sqzw",
  answer: "Aqzw",
  name: "nqzw",
  tool: "tqzw",
  result: "Rqzw",
  thought: "Hqzw",
  key: "kqzw",
  value: "vqzw",
};
const usualForm: TemplateForm = {
  content: "text",
  calls: undefined,
  hasParallelCalls: true,
  hasShortIds: false,
  reasoning: undefined,
};
const user: EngineMessage = { role: "user", text: sentinel.user };
const instruction: EngineMessage = { role: "system", text: sentinel.system };
const next: EngineMessage = { role: "user", text: sentinel.next };
const answer: EngineMessage = { role: "assistant", text: sentinel.answer };

/** Reads a template and tries what it takes. `constants` are the same in all renderings. Throws `TemplateProblem` when it cannot be read, or writes no message of a user's. */
export function chatTemplate(text: string, constants: Variables): ChatTemplate {
  const template = parsed(text);
  const render = (messages: readonly TemplateMessage[], variables: Variables) =>
    template.render({ ...constants, add_generation_prompt: true, ...variables, messages });
  const trial = new Trial(render, contentForm(render));
  const system = systemPlaces(trial);
  const style = chatStyle(text);
  // Calls in a form that nobody could read would be told as text: such models are told of tools in a form of ours.
  const isKnown = style.name !== "generic";
  const form = { ...trial.form, ...(isKnown && callForm(trial)), reasoning: reasoningName(template) };
  return {
    style: { ...style, listsTools: isKnown && listsTools(trial, system), writesCalls: form.calls !== undefined },
    form,
    system,
    namedRoles: namedRoles(trial),
    effort: effortVariables(template, (variables) => trial.text([user], variables)),
    words: template.words,
    afterAnswer: afterAnswer(trial),
    render,
  };
}

/** Renders conversations of sentinels; what goes wrong is an answer as well. */
class Trial {
  readonly render: ChatTemplate["render"];
  readonly form: TemplateForm;

  constructor(render: ChatTemplate["render"], form: TemplateForm) {
    this.render = render;
    this.form = form;
  }

  text(messages: readonly EngineMessage[], variables: Variables = {}, form: Partial<TemplateForm> = {}): string | undefined {
    const known = messages.map((message) => templateMessage(message, { ...this.form, ...form }, asTheyAre));
    return orNothing(() => this.render(known, variables));
  }

  writes(messages: readonly EngineMessage[], ...texts: readonly string[]): boolean {
    const written = this.text(messages) ?? "";
    return texts.every((text) => written.includes(text));
  }
}

function orNothing<Made>(work: () => Made): Made | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof TemplateProblem && error.kind !== "limit") return undefined;
    throw error;
  }
}

/** Templates that know messages of parts alone either fail with a text or leave it out. */
function contentForm(render: ChatTemplate["render"]): TemplateForm {
  const write = (form: TemplateForm) => render([templateMessage(user, form, asTheyAre)], {});
  const parts: TemplateForm = { ...usualForm, content: "parts" };
  if (orNothing(() => write(usualForm))?.includes(sentinel.user) === true) return usualForm;
  if (orNothing(() => write(parts))?.includes(sentinel.user) === true) return parts;
  // Once more for what it says.
  write(usualForm);
  throw new TemplateProblem("it leaves the user's messages out", "fault");
}

const parameters = JSON.stringify({
  type: "object",
  properties: { [sentinel.key]: { type: "string", description: "a text" } },
  required: [sentinel.key],
});
const tool: EngineTool = { name: sentinel.tool, description: "a tool", parameters, strict: false };

function systemPlaces(trial: Trial): SystemPlaces {
  const isFirst = trial.writes([instruction, user], sentinel.system);
  return {
    isFirst,
    isLater: isFirst && trial.writes([user, answer, instruction, next], sentinel.system),
    isAlone: isFirst && trial.writes([instruction], sentinel.system),
  };
}

function listsTools(trial: Trial, { isFirst }: SystemPlaces): boolean {
  const messages: readonly EngineMessage[] = isFirst ? [instruction, user] : [user];
  return trial.text(messages, { tools: [templateTool(tool)] })?.includes(sentinel.tool) === true;
}

/** How earlier calls and their results are given, if the template writes them: the first way that brings all of them into the text, unescaped. */
function callForm(trial: Trial): Pick<TemplateForm, "calls" | "hasParallelCalls" | "hasShortIds"> {
  const tools = [templateTool(tool)];
  const isWhole = (form: Partial<TemplateForm>, count: number) => {
    const written = trial.text(exchange(count, form.hasShortIds === true), { tools }, form) ?? "";
    const texts = [sentinel.tool, sentinel.key, sentinel.result, ...Array.from({ length: count }, (_, index) => sentinel.value + index)];
    return texts.every((text) => written.includes(text)) && !written.includes(`\\"${sentinel.key}`);
  };
  const forms = [false, true].flatMap((hasShortIds) => (["text", "object"] as const).map((calls) => ({ calls, hasShortIds })));
  const form = forms.find((each) => isWhole(each, 1)) ?? { calls: undefined, hasShortIds: false };
  return { ...form, hasParallelCalls: form.calls === undefined || isWhole(form, 2) };
}

/** A question, so many calls, and their results. */
function exchange(count: number, hasShortIds: boolean): readonly EngineMessage[] {
  const ids = Array.from({ length: count }, (_, index) => (hasShortIds ? `abcdefgh${index}` : `call_0123456789abcde${index}`));
  const toolCalls = ids.map((id, index) => ({
    id,
    name: sentinel.tool,
    arguments: JSON.stringify({ [sentinel.key]: sentinel.value + index }),
  }));
  const results = ids.map((toolCallId): EngineMessage => ({ role: "tool", text: sentinel.result, name: sentinel.tool, toolCallId }));
  return [user, { role: "assistant", text: "", toolCalls }, ...results];
}

/** Templates ask for a message's thinking under one of these names. */
function reasoningName({ words }: Template): string | undefined {
  return ["reasoning_content", "reasoning", "thinking"].find((name) => words.has(name));
}

function namedRoles(trial: Trial): ReadonlySet<EngineMessage["role"]> {
  const named = (role: EngineMessage["role"], before: readonly EngineMessage[], after: readonly EngineMessage[]) =>
    trial.writes([...before, { role, text: sentinel.answer, name: sentinel.name }, ...after], sentinel.name) ? [role] : [];
  return new Set([...named("system", [], [user]), ...named("user", [], []), ...named("assistant", [user], [next])]);
}

function afterAnswer(trial: Trial): string {
  const text =
    trial.text([user, answer, next], { add_generation_prompt: false }) ??
    trial.text([user, answer], { add_generation_prompt: false }) ??
    "";
  const start = text.lastIndexOf(sentinel.answer);
  if (start < 0) return "";
  const rest = text.slice(start + sentinel.answer.length);
  const end = rest.indexOf(sentinel.next);
  return end < 0 ? rest : rest.slice(0, end);
}
