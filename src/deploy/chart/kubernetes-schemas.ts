import {
  closed,
  labelName,
  labels,
  listOf,
  mapOf,
  matching,
  name,
  oneOf,
  quantity,
  text,
  truth,
  whole,
  type JsonSchema,
} from "./json-schema.ts";

// Parts of Kubernetes objects that the values take as they are.

const expression = closed({ key: labelName, operator: oneOf("In", "NotIn", "Exists", "DoesNotExist") }, { values: listOf(text) });

const selector = closed({}, { matchLabels: labels, matchExpressions: listOf(expression) });

/** A range of addresses. */
export const cidr: JsonSchema = matching(
  "(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])[.]){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])/(?:3[0-2]|[12]?[0-9])|[0-9a-fA-F]*:[0-9a-fA-F:.]*/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9])",
);

/** One side of a network policy's rule. */
export const peer: JsonSchema = {
  anyOf: [
    closed({ ipBlock: closed({ cidr }, { except: listOf(cidr) }) }),
    closed({ podSelector: selector }, { namespaceSelector: selector }),
    closed({ namespaceSelector: selector }),
  ],
};

const protocol = oneOf("TCP", "UDP", "SCTP");

/** A way out of a network policy. */
export const egressRule: JsonSchema = closed(
  {},
  {
    to: listOf(peer),
    ports: listOf({
      anyOf: [
        closed({}, { port: { anyOf: [whole(1, 65535), name] }, protocol }),
        closed({ port: whole(1, 65535), endPort: whole(1, 65535) }, { protocol }),
      ],
    }),
  },
);

/** A taint that is borne. */
export const toleration: JsonSchema = closed(
  {},
  {
    key: labelName,
    operator: oneOf("Exists", "Equal"),
    value: text,
    effect: oneOf("NoSchedule", "PreferNoSchedule", "NoExecute"),
    tolerationSeconds: { type: "integer" },
  },
);

/** Affinities; what is in them is left to the API server, which knows it best. */
export const affinity: JsonSchema = closed(
  {},
  { nodeAffinity: { type: "object" }, podAffinity: { type: "object" }, podAntiAffinity: { type: "object" } },
);

/** What a container asks for and may take. */
export const resources: JsonSchema = closed({}, { requests: mapOf(quantity), limits: mapOf(quantity) });

/** A Gateway, or one of its listeners. */
export const parentRef: JsonSchema = closed(
  { name },
  { group: text, kind: text, namespace: name, sectionName: name, port: whole(1, 65535) },
);

/** Any object of Kubernetes. */
export const anyObject: JsonSchema = {
  type: "object",
  required: ["apiVersion", "kind", "metadata"],
  properties: { apiVersion: text, kind: text, metadata: { type: "object" } },
};

/** Switches of probes. */
export const probe: JsonSchema = closed({ periodSeconds: whole(1, 3600), failureThreshold: whole(1, 10_000) });

/** A switch with what belongs to it. */
export const switched = (properties: Readonly<Record<string, JsonSchema>>): JsonSchema => closed({ enabled: truth, ...properties });
