import type { ConnectError } from "@connectrpc/connect";
import { doingWithout, type Dispensable } from "../../core/concessions.ts";
import { fieldOf, type FieldViolation } from "../../core/reasons.ts";
import { asksFor } from "../targets/refusals.ts";
import type { Candidate } from "./candidates.ts";

/** What the targets of one call are asked without: what they refuse and its caller can do without. */
export class AskingLess<Request, Event> {
  readonly #call: Dispensable<Request, Event>;

  constructor(call: Dispensable<Request, Event>) {
    this.#call = call;
  }

  /** The request as a target is asked: without what its table refuses, and what it has refused of late. Undefined: it would have to do what it cannot. */
  askable({ state }: Candidate<Request, Event>, request: Request, refused: readonly FieldViolation[]): Request | undefined {
    let asked = doingWithout(refused, request, this.#call);
    if (asked === undefined || state === undefined) return asked;
    for (const refusal of state.refusals.all()) {
      const chat = this.#call.kind.chatOf(asked);
      // What its caller insists on is asked for nevertheless: the upstream is to say itself that it refuses that.
      if (chat !== undefined && asksFor(chat, refusal)) asked = doingWithout([refusal], asked, this.#call) ?? asked;
    }
    return asked;
  }

  /** Has a target asked at once without what it has just refused. False: its caller cannot do without. */
  concedes(candidate: Candidate<Request, Event>, error: ConnectError): boolean {
    const { asked, state } = candidate;
    const field = fieldOf(error);
    const without = asked === undefined || field === undefined ? undefined : doingWithout([{ field }], asked, this.#call);
    if (without === undefined) return false;
    const chat = this.#call.kind.chatOf(asked!);
    if (chat !== undefined) state?.refusals.note(field!, chat);
    candidate.asked = without;
    candidate.isConceded = true;
    return true;
  }
}
