import { limitFault } from "../core/limits.ts";
import type { Admitted, Doors } from "./exchange.ts";

/** Does work whose answer comes whole: nobody sees how far it is, so its call has a time limit beside that of every call. */
export async function unary<Answer>(
  { abort }: Pick<Admitted, "abort">,
  { clock, limits }: Pick<Doors, "clock" | "limits">,
  work: () => Promise<Answer>,
): Promise<Answer> {
  const ms = limits.unaryCallMs;
  const message = `the answer was not whole within ${ms} ms: ask for a stream or for fewer tokens, or raise limits.unaryCallMs`;
  const cancel = clock.after(ms, () => abort(limitFault("unaryCallMs", message)));
  try {
    return await work();
  } finally {
    cancel();
  }
}
