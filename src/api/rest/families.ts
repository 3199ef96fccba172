import { anthropicEnvelope, ollamaEnvelope, openaiEnvelope, type Envelope } from "./envelope.ts";

/** Whose clients ask below which path, the longest path first. Whatever is below none of them is answered as OpenAI would. */
const families: readonly (readonly [below: string, envelope: Envelope])[] = [
  ["/v1/messages", anthropicEnvelope()],
  ["/api", ollamaEnvelope],
];

const everywhereElse = openaiEnvelope();

/** How a client that asks for a path is told of failures, whether or not there is anything. */
export function envelopeOf(path: string): Envelope {
  return families.find(([below]) => path === below || path.startsWith(`${below}/`))?.[1] ?? everywhereElse;
}
