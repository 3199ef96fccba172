import type { Doors, Exchange } from "../exchange.ts";
import { sendJson } from "../send.ts";
import type { ProviderNames } from "./own-wire.ts";

/** `GET /providers`: names of what stands behind the service, and of the default model's provider, as the older service had it (a default that is unknown is empty). */
export async function listProviders(exchange: Exchange, { service }: Doors): Promise<void> {
  const names = service.providers.list().map(({ name }) => name);
  sendJson(exchange, 200, { providers: names.toSorted(), default: service.providers.defaultProvider() } satisfies ProviderNames);
}
