/** The services whose clients are served beside others. */
export type OlderService = "AWA" | "Intelia" | "Prism" | "Distiller" | "LangChain";

/** Something that an older service did and this version cannot yet. */
export interface Pending {
  readonly what: string;
  readonly service: OlderService;
  /** Lines of its document. */
  readonly endpoints: Readonly<Record<string, number>>;
  readonly variables: Readonly<Record<string, number>>;
  /** The line that tells of it where there is neither. */
  readonly line?: number;
}

/** All there is. A test holds it to these four: what else is missing is a fault, and no entry here. */
export const pending: readonly Pending[] = [
  {
    what: "DELETE /cache",
    service: "Prism",
    endpoints: { "DELETE /cache": 201 },
    variables: { LLM_REDIS_URL: 120, LLM_CACHE_ENABLED: 121, LLM_CACHE_TTL: 122 },
  },
  { what: "/stats", service: "LangChain", endpoints: { "GET /stats": 183 }, variables: {} },
  {
    what: "replay of a request_id",
    service: "LangChain",
    endpoints: {},
    variables: { REDIS_URL: 143, REDIS_ENABLED: 144, REDIS_TTL_HOURS: 145, REDIS_MAX_CONNECTIONS: 146 },
    line: 236,
  },
  {
    what: "Kafka",
    service: "LangChain",
    endpoints: {},
    variables: {
      KAFKA_BOOTSTRAP_SERVERS: 149,
      KAFKA_ENABLED: 150,
      KAFKA_REQUEST_TOPIC: 151,
      KAFKA_METRICS_TOPIC: 152,
      KAFKA_ERROR_TOPIC: 153,
    },
    line: 230,
  },
];

/** What of it a service's document tells of. */
export function pendingOf(service: OlderService): readonly Pending[] {
  return pending.filter((each) => each.service === service);
}
