import type { ConnectError } from "@connectrpc/connect";
import { withMore } from "../../core/error-facts.ts";
import { fault, reasonOf, retryAfterMsOf, type Reason } from "../../core/reasons.ts";
import { isUnsent } from "../../core/unsent.ts";
import type { Stop, Target } from "../../core/targets.ts";
import type { DeadEnd } from "../choosing/candidates.ts";
import { isSibling } from "../choosing/order.ts";

interface Failure {
  readonly number: number;
  readonly stop: Stop;
  readonly error: ConnectError;
}

/** The failed attempts of one run, and what its caller is told of them: the first target's own fault, never that of a fallback which only stood in. */
export class Failures {
  /** Of the attempt that was made first, which is not always the one that failed first. */
  #first: Failure | undefined;
  /** The first that is more than a refusal of what another target may do, which would hide why that one failed. */
  #firstTrouble: Failure | undefined;
  #last: Failure | undefined;
  #count = 0;
  #targets: Set<Target> | undefined;

  /** An attempt has failed; `number`: which of its call, from 1. */
  add(number: number, stop: Stop, error: ConnectError): void {
    this.#last = { number, stop, error: reasonOf(error) === "model_not_found" ? missingModel(stop, error) : error };
    if (this.#first === undefined || number < this.#first.number) this.#first = this.#last;
    if (!isOnlyRefusal(error) && (this.#firstTrouble === undefined || number < this.#firstTrouble.number)) this.#firstTrouble = this.#last;
    if (isUnsent(error)) return;
    this.#count++;
    (this.#targets ??= new Set()).add(stop.target);
  }

  firstReason(): Reason | undefined {
    return this.#first === undefined ? undefined : reasonOf(this.#first.error);
  }

  lastReason(): Reason {
    return reasonOf(this.#last?.error);
  }

  /** After an error that ends the call wherever it is made. It is told if the same model says it that failed first; of another it would hide why that was asked at all. */
  final(): ConnectError {
    const first = this.#firstTrouble ?? this.#first;
    const last = this.#last;
    const said = first !== undefined && last !== undefined && isSibling(first.stop, last.stop) ? last : first;
    return this.#counted(said?.error, "");
  }

  /** When nobody is left to ask. */
  told({ because, retryAfterMs }: DeadEnd): ConnectError {
    return this.#counted((this.#firstTrouble ?? this.#first)?.error, because, retryAfterMs);
  }

  #counted(error: ConnectError | undefined, because: string, retryAfterMs?: number): ConnectError {
    if (error === undefined) return fault("internal", "internal error");
    const count = this.#count > 1 ? `${this.#count} attempts at ${targetsText(this.#targets?.size ?? 0)}` : "";
    const more = [count, because].filter((text) => text !== "").join("; ");
    return more === "" ? error : withMore(error, `(${more})`, retryAfterMs ?? retryAfterMsOf(error));
  }
}

/** A target that cannot do what is asked, where another may. */
function isOnlyRefusal(error: ConnectError): boolean {
  const reason = reasonOf(error);
  return reason === "unsupported_field" || reason === "context_length_exceeded";
}

function targetsText(count: number): string {
  return count === 1 ? "one target" : `${count} targets`;
}

/** The route is wrong, not its caller: so the upstream and the name there are told. */
function missingModel({ target }: Stop, error: ConnectError): ConnectError {
  const { provider, model } = target;
  if (error.rawMessage.includes(provider) && error.rawMessage.includes(model)) return error;
  const message = `${provider} has no model "${model}": check the route that leads there`;
  return fault("model_not_found", message, { provider, metadata: { model }, cause: error });
}
