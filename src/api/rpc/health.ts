import type { ServiceImpl } from "@connectrpc/connect";
import { HealthCheckResponse_ServingStatus as Status, type Health as HealthService } from "../../../gen/grpc/health/v1/health_pb.ts";
import type { Health } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";
import type { Drain } from "../drain.ts";
import { callOf } from "./exchange-key.ts";

/** Before the names of models. */
const modelPrefix = "model:";

/** `grpc.health.v1.Health` over the service's health. A watch ends when the service drains, or it would hold the drain. */
export function healthDoor(health: Health, drain: Drain): ServiceImpl<typeof HealthService> {
  return {
    check({ service }) {
      const status = health.status(service);
      if (status === undefined)
        throw fault("model_not_found", `health: ${JSON.stringify(service.slice(0, 256))} is no service or model here`);
      return { status: Status[status] };
    },
    async *watch({ service }, context) {
      const { signal } = callOf(context);
      let last: Status | undefined;
      for (;;) {
        const changed = nextChange(health, [signal, drain.started]);
        const now = Status[health.status(service) ?? "SERVICE_UNKNOWN"];
        if (now !== last) yield { status: now };
        last = now;
        if (signal.aborted || drain.started.aborted) return;
        await changed;
      }
    },
    /** As a list of models, it names those that the caller's key allows. */
    list(_request, context) {
      const { caller } = callOf(context);
      const { models } = caller;
      const told = [...health.statuses()].filter(
        ([name]) => !name.startsWith(modelPrefix) || models?.includes(name.slice(modelPrefix.length)) !== false,
      );
      return { statuses: Object.fromEntries(told.map(([name, status]) => [name, { status: Status[status] }])) };
    },
  };
}

/** Resolves at the next change or when one of the signals aborts; listens at once, so that no change between is missed. */
function nextChange(health: Health, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      unwatch();
      for (const signal of signals) signal.removeEventListener("abort", settle);
      resolve();
    };
    const unwatch = health.watch(settle);
    for (const signal of signals) {
      if (signal.aborted) return settle();
      signal.addEventListener("abort", settle);
    }
  });
}
