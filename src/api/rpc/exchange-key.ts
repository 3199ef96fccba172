import { createContextKey, type ContextValues } from "@connectrpc/connect";
import type { Call } from "../../core/context.ts";
import type { Admitted } from "../exchange.ts";

/** Where an RPC's handler finds the exchange it serves. */
export const exchangeKey = createContextKey<Admitted | undefined>(undefined, { description: "exchange" });

/** The exchange of an RPC. Every RPC has one: the adapter puts it there. */
export function exchangeOf(values: ContextValues): Admitted {
  const exchange = values.get(exchangeKey);
  if (exchange === undefined) throw new TypeError("an RPC came without its exchange");
  return exchange;
}

/** The call of an RPC. */
export function callOf({ values }: { readonly values: ContextValues }): Call {
  return exchangeOf(values).call;
}
