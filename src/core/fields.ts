import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { isFieldSet } from "@bufbuild/protobuf";
import { ChatRequestSchema, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { FieldViolation } from "./reasons.ts";

/** What becomes of a field: it is honoured, refused with a reason, or cannot change this provider's answer for a reason. */
export type FieldFate =
  | { readonly is: "honoured" }
  | { readonly is: "refused"; readonly because: string }
  | { readonly is: "inert"; readonly because: string };

/**
 * What a provider does with each field of a ChatRequest, by path in the contract's names without indexes: `sampling.temperature`, `messages.parts.image`.
 * A path speaks for all below it that have no entry of their own; a path without any entry is a fault of the table, and a test finds it.
 */
export type FieldTable = Readonly<Record<string, FieldFate>>;

/** The field is honoured. */
export const honoured: FieldFate = { is: "honoured" };
/** The field is refused. */
export const refused = (because: string): FieldFate => ({ is: "refused", because });
/** The field cannot change the answer. */
export const inert = (because: string): FieldFate => ({ is: "inert", because });

/** Fields that layers and routing deal with, the same for every provider. */
export const serviceFields: FieldTable = {
  model: honoured,
  provider: honoured,
  end_user_id: inert("recorded, never interpreted"),
  metadata: inert("recorded, never interpreted"),
  cache: inert("this version has no cache: every answer is fresh"),
  prompt_cache_key: inert("a hint: it never changes an answer"),
  idempotency_key: refused("this version keeps no answers for repeats"),
  template: refused("this version has no templates"),
};

/** The fate of a path: its own entry, else that of the nearest path above it; undefined when the table has none. */
export function fateOf(table: FieldTable, path: string): FieldFate | undefined {
  for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
    const fate = table[at];
    if (fate !== undefined) return fate;
  }
  return undefined;
}

/** Paths of every field below a message, depth first; messages that contain themselves and those of google.protobuf are leaves. */
export function fieldPaths(schema: DescMessage = ChatRequestSchema): string[] {
  return pathsBelow(schema, "", new Set());
}

/** The fields of a request that a provider refuses. */
export function refusedFields(request: ChatRequest, table: FieldTable): readonly FieldViolation[] {
  let plan = plans.get(table);
  if (plan === undefined) plans.set(table, (plan = planOf(ChatRequestSchema, { table, prefix: "", above: new Map() })));
  if (!hasRefused(plan, request)) return nothing;
  const violations: FieldViolation[] = [];
  search(plan, request, { prefix: "", violations });
  return violations;
}

function pathsBelow(schema: DescMessage, prefix: string, above: ReadonlySet<string>): string[] {
  const inside = new Set([...above, schema.typeName]);
  return schema.fields.flatMap((field) => {
    const path = prefix + field.name;
    const message = messageOf(field);
    if (message === undefined || isLeaf(message) || inside.has(message.typeName)) return [path];
    return [path, ...pathsBelow(message, `${path}.`, inside)];
  });
}

/** What must be looked at in a message to find refused fields; all else is left out, so that a call pays for what its provider refuses and not for what the contract has. */
interface Plan {
  readonly steps: PlanStep[];
}

interface PlanStep {
  readonly field: DescField;
  /** Why the field is refused; undefined: only what is below it may be. */
  readonly because: string | undefined;
  readonly below: Plan | undefined;
}

/** Tables are few and live as long as their providers. */
const plans = new WeakMap<FieldTable, Plan>();

interface PlanScope {
  readonly table: FieldTable;
  readonly prefix: string;
  /** Plans of the messages around this one: a message inside of itself, such as a tool result's parts, follows the outer one's. */
  readonly above: ReadonlyMap<string, Plan>;
}

function planOf(schema: DescMessage, { table, prefix, above }: PlanScope): Plan {
  const plan: Plan = { steps: [] };
  const inside = new Map([...above, [schema.typeName, plan]]);
  for (const field of schema.fields) {
    const path = prefix + field.name;
    const fate = fateOf(table, path);
    const message = messageOf(field);
    // A refused path speaks for what is below it, but for what is honoured by an entry of its own.
    const because = fate?.is === "refused" && !isHonouredBelow(table, path) ? fate.because : undefined;
    const isDeep = because === undefined && message !== undefined && !isLeaf(message);
    const below = isDeep ? (above.get(message.typeName) ?? planOf(message, { table, prefix: `${path}.`, above: inside })) : undefined;
    const isInItself = message !== undefined && below !== undefined && below === above.get(message.typeName);
    if (because !== undefined || isInItself || (below?.steps.length ?? 0) > 0) plan.steps.push({ field, because, below });
  }
  return plan;
}

function isHonouredBelow(table: FieldTable, path: string): boolean {
  return Object.entries(table).some(([each, fate]) => each.startsWith(`${path}.`) && fate.is === "honoured");
}

const nothing: readonly FieldViolation[] = [];

/** Whether `search` would find anything: most often it would not, and places cost more to write than fields to look at. */
function hasRefused(plan: Plan, message: Message): boolean {
  for (const { field, because, below } of plan.steps) {
    if (!isFieldSet(message, field)) continue;
    if (because !== undefined) return true;
    if (below === undefined) continue;
    const value = valueOf(message, field);
    if (Array.isArray(value) ? value.some((each: Message) => hasRefused(below, each)) : hasRefused(below, value as Message)) return true;
  }
  return false;
}

/** Notes each refused field that is set, by its place with indexes. */
function search(plan: Plan, message: Message, found: { readonly prefix: string; readonly violations: FieldViolation[] }): void {
  for (const { field, because, below } of plan.steps) {
    if (!isFieldSet(message, field)) continue;
    const place = found.prefix + field.name;
    if (because !== undefined) {
      found.violations.push({ field: place, description: `is not supported: ${because}` });
      continue;
    }
    if (below === undefined) continue;
    const value = valueOf(message, field);
    if (!Array.isArray(value)) search(below, value as Message, { ...found, prefix: `${place}.` });
    else
      for (let index = 0; index < value.length; index++)
        search(below, value[index] as Message, { ...found, prefix: `${place}[${index}].` });
  }
}

/** The value of a field that is set; a generated message has it under its local name, or in its oneof. */
function valueOf(message: Message, { oneof, localName }: DescField): unknown {
  const values = message as unknown as Readonly<Record<string, unknown>>;
  return oneof === undefined ? values[localName] : (values[oneof.localName] as { readonly value: unknown }).value;
}

function messageOf(field: DescField): DescMessage | undefined {
  return field.fieldKind === "message" || field.fieldKind === "list" ? field.message : undefined;
}

function isLeaf(schema: DescMessage): boolean {
  return schema.typeName.startsWith("google.protobuf.");
}
