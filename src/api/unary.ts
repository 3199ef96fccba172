import type { Call } from "../core/context.ts";
import { limitFault } from "../core/limits.ts";
import { linkSignal } from "../core/signals.ts";
import type { Doors } from "./exchange.ts";

/** Does work whose answer comes whole: nobody sees how far it is, so it has a time limit of its own beside that of every call. */
export async function unary<Answer>(
  call: Call,
  { clock, limits }: Pick<Doors, "clock" | "limits">,
  work: (call: Call) => Promise<Answer>,
): Promise<Answer> {
  const link = linkSignal(call.signal);
  const ms = limits.unaryCallMs;
  const message = `the answer was not whole within ${ms} ms: ask for a stream or for fewer tokens, or raise limits.unaryCallMs`;
  const cancel = clock.after(ms, () => link.abort(limitFault("unaryCallMs", message)));
  try {
    return await work({ ...call, signal: link.signal });
  } finally {
    cancel();
    link.release();
  }
}
