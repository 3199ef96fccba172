import { Type } from "typebox";
import { sendBody } from "../send.ts";
import type { Doors, Exchange } from "../exchange.ts";
import { openaiEnvelope } from "./envelope.ts";
import { alive, health, ready, root } from "./probes.ts";
import { About, Alive, Health, NotReady, ProviderNames } from "./own-wire.ts";
import { listProviders } from "./providers.ts";
import { reading, type Route } from "./route.ts";

/** Writes the metrics page. */
export type MetricsText = () => Promise<{ readonly contentType: string; readonly body: string }>;

const tag = "Service";
const json = "application/json";
const envelope = openaiEnvelope();

/** What tells of the service itself. */
export function ownRoutes(doors: Doors): readonly Route[] {
  const get = (serve: (exchange: Exchange, doors: Doors) => Promise<void>, operation: Route["methods"][string]["operation"]) => ({
    GET: { serve: reading(serve, doors, envelope), operation },
  });
  const living = { tag, summary: "Say that the process answers", answers: { [json]: Alive } };
  return [
    { path: "/", envelope, methods: get(root, { tag, summary: "Say what this is", answers: { [json]: About } }) },
    {
      path: "/providers",
      envelope,
      methods: get(listProviders, { tag, summary: "Name what answers behind the service", answers: { [json]: ProviderNames } }),
    },
    {
      path: "/health",
      envelope,
      purpose: "probe",
      methods: get(health, {
        tag,
        summary: "Say what this is and whether it serves",
        answers: { [json]: Health },
        others: { 503: { [json]: Health } },
      }),
    },
    { path: "/healthz", envelope, purpose: "probe", methods: get(alive, living) },
    { path: "/livez", envelope, purpose: "probe", methods: get(alive, living) },
    {
      path: "/readyz",
      envelope,
      purpose: "probe",
      methods: get(ready, {
        tag,
        summary: "Say whether requests should be sent here",
        answers: { [json]: Alive },
        others: { 503: { [json]: NotReady } },
      }),
    },
  ];
}

/** The metrics page. */
export function metricsRoute(doors: Doors, metricsText: MetricsText): Route {
  const serve = async (exchange: Exchange) => {
    const { contentType: type, body } = await metricsText();
    sendBody(exchange, 200, { type, body });
  };
  const operation = { tag, summary: "Show the metrics for Prometheus", answers: { "text/plain": Type.String() } };
  return { path: "/metrics", envelope, purpose: "probe", methods: { GET: { serve: reading(serve, doors, envelope), operation } } };
}
