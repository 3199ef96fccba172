import type { ServiceImpl } from "@connectrpc/connect";
import { BreakerState, ProviderStatusSchema, type ProviderService } from "../../../gen/parley/v1/providers_pb.ts";
import { create } from "@bufbuild/protobuf";
import type { ProviderHealth, ProviderReport, Providers } from "../../core/provider-report.ts";
import { page } from "./page.ts";

/** The RPC that tells what stands behind the service. */
export function providerDoor(providers: Providers): Partial<ServiceImpl<typeof ProviderService>> {
  return {
    listProviders(request) {
      const { items, nextPageToken } = page(providers.list(), ({ name }) => name, request);
      return { providers: items.map(statusOf), nextPageToken, defaultProvider: providers.defaultProvider() };
    },
  };
}

const breakers: Readonly<Record<NonNullable<ProviderHealth["breaker"]>, BreakerState>> = {
  closed: BreakerState.CLOSED,
  open: BreakerState.OPEN,
  "half-open": BreakerState.HALF_OPEN,
};

function statusOf({ name, kind, isAvailable, breaker, errorRate }: ProviderReport) {
  return create(ProviderStatusSchema, {
    name,
    kind,
    available: isAvailable,
    breaker: breaker === undefined ? BreakerState.UNSPECIFIED : breakers[breaker],
    ...(errorRate !== undefined && { errorRate }),
  });
}
