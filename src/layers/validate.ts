import { CacheModeSchema, PrioritySchema, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { DescEnum } from "@bufbuild/protobuf";
import {
  ReasoningEffortSchema,
  Role,
  RoleSchema,
  ToolChoiceMode,
  ToolChoiceModeSchema,
  type Message,
} from "../../gen/parley/v1/messages_pb.ts";
import type { LimitName, Limits } from "../core/limits.ts";
import { limits as limitRows } from "../core/limits.ts";
import { fieldsFault, invalidField, type FieldViolation } from "../core/reasons.ts";
import type { Kind, Layer } from "../core/work.ts";
import { checkNames, type Check } from "./validate-names.ts";
import { checkParts, checkSchemas, type PartChecks } from "./validate-parts.ts";
import { samplingViolations } from "./validate-sampling.ts";
import { unaryViolations } from "./validate-unary.ts";

/** Refuses what no model could honour: fields that are missing, out of range or contradict one another, and URLs of media beyond the hosts that they may be fetched from. All of them are named at once. */
export function validate(limits: Limits, mediaHosts: readonly string[] = []): Layer {
  return function validateLayer(next, kind) {
    const violationsOf = checkOf(kind, limits, mediaHosts);
    return function validated(request, context) {
      const violations = violationsOf(request);
      if (violations.length > 0) throw fieldsFault("invalid_request", violations);
      return next(request, context);
    };
  };
}

function checkOf<Request>(
  { operation, chatOf }: Pick<Kind<Request, unknown>, "operation" | "chatOf">,
  limits: Limits,
  mediaHosts: readonly string[],
): (request: Request) => FieldViolation[] {
  const own = unaryViolations.get(operation);
  if (own !== undefined) return (request) => own(request as never, limits);
  return (request) => {
    const chat = chatOf(request);
    if (chat === undefined) throw invalidField("chat", "is required");
    return chatViolations(chat, limits, mediaHosts);
  };
}

/** Everything that is wrong with a chat request. */
export function chatViolations(chat: ChatRequest, limits: Limits, mediaHosts: readonly string[] = []): FieldViolation[] {
  const found: FieldViolation[] = [];
  const check = (holds: boolean, field: string, description: string) => {
    if (!holds) found.push({ field, description });
  };
  const within = (name: LimitName, count: number, place: string | (() => string)) => {
    if (count <= limits[name]) return;
    const field = typeof place === "string" ? place : place();
    found.push({ field, description: `${count} is more than limits.${name}, ${limits[name]}: ${limitRows[name].what}` });
  };

  checkNames(chat, check);
  checkPrompt(chat, check);
  within("maxMessages", chat.messages.length, "messages");
  within("maxTools", chat.tools.length, "tools");
  within("maxStops", chat.stop.length, "stop");
  within("maxChoices", chat.choices ?? 1, "choices");
  within("maxNewTokens", chat.maxTokens ?? 0, "max_tokens");
  checkSchemas(chat.tools, chat.responseFormat?.format, within);
  for (let index = 0; index < chat.stop.length; index++) {
    const stop = chat.stop[index] ?? "";
    if (stop === "") check(false, `stop[${index}]`, "is empty");
    if (!stop.isWellFormed()) check(false, `stop[${index}]`, "holds half a character");
    within("maxStopLength", stop.length, () => `stop[${index}]`);
  }
  const checks: PartChecks = { check, within, mediaHosts };
  for (let index = 0; index < chat.messages.length; index++) checkMessage(chat.messages[index]!, () => `messages[${index}]`, checks);
  checkCounts(chat, check);
  checkHints(chat, check);
  checkTools(chat, check);
  checkLabels(chat, check);
  if (chat.sampling !== undefined) found.push(...samplingViolations(chat.sampling, limits));
  return found;
}

/** The same check for fields of one item of a list; the place is written only when something is wrong there, for most requests are right. */
function below(check: Check, place: () => string): Check {
  return (holds, field, description) => {
    if (!holds) check(false, field === "" ? place() : `${place()}.${field}`, description);
  };
}

function checkPrompt(chat: ChatRequest, check: Check): void {
  const given = Number(chat.messages.length > 0) + Number(chat.rawPrompt !== undefined) + Number(chat.template !== undefined);
  check(given > 0, "messages", "is empty: at least one message is needed");
  check(given < 2, "messages", "messages, raw_prompt and template exclude one another");
  if (chat.rawPrompt === undefined) return;
  const { prompt } = chat.rawPrompt;
  check(prompt.case !== undefined, "raw_prompt", "has neither text nor token_ids");
  if (prompt.case === "tokenIds") {
    check(prompt.value.ids.length > 0, "raw_prompt.token_ids", "is empty");
    check(
      prompt.value.ids.every((id) => id >= 0),
      "raw_prompt.token_ids",
      "has a negative id",
    );
  }
}

function checkMessage({ role, name, parts }: Message, place: () => string, checks: PartChecks): void {
  const { check } = checks;
  if (role === Role.UNSPECIFIED || !isKnown(RoleSchema, role))
    check(false, `${place()}.role`, "is required: system, developer, user, assistant or tool");
  if (name.length > 64) check(false, `${place()}.name`, "is longer than 64 characters");
  checkParts(parts, () => `${place()}.parts`, checks);
}

/** Enums of proto3 are open: a number that no version knows arrives as it is. */
function isKnown(schema: DescEnum, value: number): boolean {
  return schema.value[value] !== undefined;
}

function checkCounts(chat: ChatRequest, check: Check): void {
  const { choices = 1, maxTokens, minTokens = 0, topLogprobs = 0 } = chat;
  check(maxTokens === undefined || maxTokens >= 1, "max_tokens", "is below 1");
  check(minTokens >= 0, "min_tokens", "is negative");
  check(maxTokens === undefined || minTokens <= maxTokens, "min_tokens", "is above max_tokens");
  check(choices >= 1, "choices", "is below 1");
  check(topLogprobs >= 0 && topLogprobs <= 20, "top_logprobs", "is outside 0 to 20");
  check(
    !chat.continueFinalMessage || chat.messages.at(-1)?.role === Role.ASSISTANT,
    "continue_final_message",
    "needs an assistant message at the end",
  );
}

function checkHints({ reasoning, cache, priority }: ChatRequest, check: Check): void {
  check(isKnown(PrioritySchema, priority), "priority", "is no known value");
  if (reasoning !== undefined) {
    check(isKnown(ReasoningEffortSchema, reasoning.effort), "reasoning.effort", "is no known value");
    check((reasoning.budgetTokens ?? 0) >= 0, "reasoning.budget_tokens", "is negative");
  }
  if (cache === undefined) return;
  check(isKnown(CacheModeSchema, cache.mode), "cache.mode", "is no known value");
  const { ttlSeconds = 1 } = cache;
  check(ttlSeconds >= 1 && ttlSeconds <= 31_536_000, "cache.ttl_seconds", "is outside 1 to 31536000");
}

function checkTools(chat: ChatRequest, check: Check): void {
  const names = new Set<string>();
  for (const [index, { tool }] of chat.tools.entries()) {
    const checkTool = below(check, () => `tools[${index}]`);
    checkTool(tool.case !== undefined, "", "is of no known kind");
    if (tool.case !== "function") continue;
    checkTool(/^[A-Za-z0-9_-]{1,64}$/.test(tool.value.name), "function.name", "is not 1 to 64 letters, digits, _ or -");
    checkTool(!names.has(tool.value.name), "function.name", "appears twice");
    names.add(tool.value.name);
  }
  if (chat.toolChoice === undefined) return;
  const { mode, toolNames } = chat.toolChoice;
  check(isKnown(ToolChoiceModeSchema, mode), "tool_choice.mode", "is no known value");
  check(mode !== ToolChoiceMode.REQUIRED || names.size > 0, "tool_choice", "requires a tool, and there are none");
  const stranger = toolNames.find((name) => !names.has(name));
  check(stranger === undefined, "tool_choice.tool_names", `names "${stranger}", which is not among the tools`);
}

function checkLabels(chat: ChatRequest, check: Check): void {
  const labels = Object.entries(chat.metadata);
  check(labels.length <= 16, "metadata", "has more than 16 pairs");
  check(
    labels.every(([key, value]) => key.length <= 64 && value.length <= 512),
    "metadata",
    "has a key above 64 or a value above 512 characters",
  );
  check(chat.endUserId.length <= 256, "end_user_id", "is longer than 256 characters");
  check(chat.promptCacheKey.length <= 256, "prompt_cache_key", "is longer than 256 characters");
  check(chat.idempotencyKey.length <= 255, "idempotency_key", "is longer than 255 characters");
}
