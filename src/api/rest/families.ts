import { systemClock } from "../../core/clock.ts";
import { anthropicEnvelope, ollamaEnvelope, openaiEnvelope, type Envelope } from "./envelope.ts";
import { awaEnvelope, detailEnvelope, invokeEnvelope } from "./older/envelopes.ts";

const detail = detailEnvelope();
const invoke = invokeEnvelope({ clock: systemClock });

/** Whose clients ask below which path, the longest path first. Whatever is below none of them is answered as OpenAI would. */
const families: readonly (readonly [below: string, envelope: Envelope])[] = [
  ["/v1/messages", anthropicEnvelope()],
  // An OpenAI path below one of Prism's.
  ["/v1/chat/completions", openaiEnvelope()],
  ["/v1/chat", detail],
  ["/api", ollamaEnvelope],
  ["/llm", awaEnvelope],
  ...["/chat/completions", "/models", "/setModel", "/restore_cache", "/cache"].map((path) => [path, detail] as const),
  ...["/invoke", "/stats"].map((path) => [path, invoke] as const),
];

const everywhereElse = openaiEnvelope();

/** How a client that asks for a path is told of failures, whether or not there is anything. */
export function envelopeOf(path: string): Envelope {
  return families.find(([below]) => path === below || path.startsWith(`${below}/`))?.[1] ?? everywhereElse;
}
