import type { ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import type { Clock } from "../../core/ports.ts";

/** How long what an upstream refused is not asked of it again, ms: so long that a second request a call does not count, and so short that one that has learnt to do it is soon asked. */
const rememberedMs = 5 * 60_000;
/** How many are remembered of one target: operators' defaults and what doors can do without are fewer. */
const mostRemembered = 16;

/** A field that was refused, with its value where that is one: another may not be. */
export interface Refusal {
  /** Path in the contract's names, such as `sampling.temperature`. */
  readonly field: string;
  readonly value: unknown;
}

/** What a target has refused of late that was then done without, so that the next call does so at once. */
export class Refusals {
  readonly #clock: Clock;
  #known: readonly (Refusal & { readonly untilMs: number })[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A field of a request was refused. */
  note(field: string, request: ChatRequest): void {
    const value = valueAt(request, field);
    if (value === undefined) return;
    const others = this.all().filter((each) => each.field !== field || each.value !== value);
    this.#known = [...others, { field, value, untilMs: this.#clock.now() + rememberedMs }].slice(-mostRemembered);
  }

  /** All that hold still, in the order in which they were told: what stands in for one may be refused in its turn. */
  all(): readonly (Refusal & { readonly untilMs: number })[] {
    const nowMs = this.#clock.now();
    if (this.#known.some(({ untilMs }) => untilMs <= nowMs)) this.#known = this.#known.filter(({ untilMs }) => untilMs > nowMs);
    return this.#known;
  }
}

/** Whether a request asks for what was refused. */
export function asksFor(request: ChatRequest, { field, value }: Refusal): boolean {
  return valueAt(request, field) === value;
}

/** The value of a field; a message or a list stands for any of its kind. */
function valueAt(request: ChatRequest, field: string): unknown {
  let value: unknown = request;
  for (const name of field.replaceAll(/\[\d+\]/g, "").split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[localName(name)];
  }
  return typeof value === "object" && value !== null ? Object : value;
}

function localName(name: string): string {
  return name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}
