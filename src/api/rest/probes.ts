import type { Doors, Exchange } from "../exchange.ts";
import { sendJson } from "../send.ts";
import type { About, Alive, Health, NotReady } from "./own-wire.ts";

/** `GET /health`: what this is, and whether it serves: 200 while it does or waits for its default model, which no restart would hasten, and 503 once that has failed. It has the keys of all older services' answers. */
export async function health(exchange: Exchange, { service }: Doors): Promise<void> {
  const { name, version } = service.about;
  const isReady = service.health.isReady();
  const reason = service.health.notReadyBecause();
  const hasFailed = service.health.hasFailed();
  sendJson(exchange, hasFailed ? 503 : 200, {
    status: hasFailed ? "failed" : "ok",
    name,
    version,
    ready: isReady,
    ...(!isReady && { reason }),
    message: isReady ? "the service answers, and its default model is there" : `the service answers, and is not ready: ${reason}`,
    dependencies: { redis: "not used", kafka: "not used", langchain: isReady ? "ok" : "not ready" },
  } satisfies Health);
}

/** `GET /healthz` and `/livez`: the process answers. */
export async function alive(exchange: Exchange): Promise<void> {
  sendJson(exchange, 200, { status: "ok" } satisfies Alive);
}

/** `GET /readyz`: whether requests should be sent here. */
export async function ready(exchange: Exchange, { service, drain }: Doors): Promise<void> {
  if (drain.isDraining) return sendJson(exchange, 503, { status: "not ready", reason: "shutting down" } satisfies NotReady);
  if (service.health.isReady()) return sendJson(exchange, 200, { status: "ok" } satisfies Alive);
  sendJson(exchange, 503, { status: "not ready", reason: service.health.notReadyBecause() } satisfies NotReady);
}

/** `GET /`: what this is, and where to go on. */
export async function root(exchange: Exchange, { service }: Doors): Promise<void> {
  const { name, version } = service.about;
  sendJson(exchange, 200, {
    status: "ok",
    name,
    version,
    endpoints: [
      "/docs",
      "/openapi.json",
      "/v1/chat/completions",
      "/v1/models",
      "/health",
      "/readyz",
      "/parley.v1.ChatService/Chat",
      "/parley.v1.ChatService/Stream",
    ],
  } satisfies About);
}
