import { limitFault, type Limits } from "./limits.ts";
import { invalidField } from "./reasons.ts";

/** The header, and metadata of RPCs, that counts the Parleys that a request has come through. */
export const hopsHeader = "x-parley-hops";

/** How many Parleys a request has come through. Throws for more than `limits.maxHops`, so that a gateway which leads to itself answers at once, and `invalid_request` for what is no number. */
export function hopsOf(given: string | readonly string[] | undefined, { maxHops }: Pick<Limits, "maxHops">): number {
  if (given === undefined) return 0;
  if (typeof given !== "string" || !/^\d{1,6}$/.test(given)) throw invalidField(hopsHeader, "must be a number");
  const hops = Number(given);
  if (hops > maxHops)
    throw limitFault(
      "maxHops",
      `this request has come through ${hops} gateways, and limits.maxHops is ${maxHops}: an upstream leads back to where it came from; check its base URL`,
    );
  return hops;
}
