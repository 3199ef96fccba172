import { fault } from "../../../core/reasons.ts";
import type { Doors } from "../../exchange.ts";
import type { Envelope } from "../envelope.ts";
import { guarded, type Route } from "../route.ts";
import { detailEnvelope, invokeEnvelope } from "./envelopes.ts";

interface Pending {
  readonly method: string;
  readonly path: string;
  readonly tag: string;
  readonly envelope: Envelope;
  readonly summary: string;
  /** What it needs, and what holds instead. */
  readonly lacks: string;
}

/** What the older services answered and this version cannot: it says what it lacks, rather than something made up. */
export function pendingRoutes(doors: Doors): readonly Route[] {
  const pending: readonly Pending[] = [
    {
      method: "DELETE",
      path: "/cache",
      tag: "Prism",
      envelope: detailEnvelope(),
      summary: "Empty the cache of answers: not in this version, which has none",
      lacks: "a cache of answers; there is nothing to empty, since every answer is made anew",
    },
    {
      method: "GET",
      path: "/stats",
      tag: "LangChain",
      envelope: invokeEnvelope(doors),
      summary: "Show statistics of all calls: not in this version, which keeps none but its metrics",
      lacks: "a log of calls to make statistics of; /metrics has what is counted since the start",
    },
  ];
  return pending.map(({ method, path, tag, envelope, summary, lacks }) => {
    const answer = async () => {
      throw fault("unimplemented", `${method} ${path}: this version lacks ${lacks}`);
    };
    return {
      path,
      envelope,
      methods: { [method]: { serve: guarded(answer, doors, envelope), operation: { tag, summary, answers: {} } } },
    };
  });
}
