import { durationBuckets, tokenBuckets } from "../../telemetry/buckets.ts";
import { address, configSchema, environmentSchema, webAddress } from "./config-schema.ts";
import {
  annotations,
  closed,
  dataKey,
  labelName,
  labels,
  listOf,
  matching,
  name,
  nameOrNothing,
  oneOf,
  ownNameOrNothing,
  quantity,
  size,
  truth,
  whole,
  type JsonSchema,
} from "./json-schema.ts";
import { affinity, anyObject, cidr, egressRule, parentRef, peer, probe, resources, switched, toleration } from "./kubernetes-schemas.ts";

const port = whole(1, 65535);
const pullPolicy = oneOf("Always", "IfNotPresent", "Never");
const sha256 = "[0-9a-f]{64}";
const host = matching("(?:\\*[.])?[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?", 253);
/** A time that is more than none, and that a quantile can exceed: it is never said to be above the last bucket. */
const below = (buckets: readonly number[]): JsonSchema => ({ type: "number", exclusiveMinimum: 0, exclusiveMaximum: Math.max(...buckets) });

/** The schema of the chart's values: helm/values.schema.json. */
export function valuesSchema(): JsonSchema {
  const properties = { ...identity(), ...service(), ...pods(), ...reach(), ...scale(), ...watch() };
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Values of Parley's chart",
    // Every chart is handed the values of all charts around it, and by `enabled` one around it may say whether it is there at all.
    ...closed(properties, { enabled: truth, global: { type: "object" } }),
  };
}

function identity() {
  return {
    nameOverride: ownNameOrNothing,
    fullnameOverride: ownNameOrNothing,
    image: closed({
      repository: matching("[a-z0-9]+(?:[-._:/a-z0-9]*[a-z0-9])?"),
      tag: matching("(?:[A-Za-z0-9_][-.A-Za-z0-9_]*)?", 128),
      digest: matching(`(?:sha256:${sha256})?`),
      pullPolicy,
      pullSecrets: listOf(name),
    }),
    serviceAccount: closed({ create: truth, name: nameOrNothing, annotations }),
  };
}

function service() {
  const secretKey = closed({ secret: name, key: dataKey });
  return {
    config: configSchema(),
    existingConfig: closed({ secret: nameOrNothing, key: dataKey }),
    environment: environmentSchema(),
    upstreamKeys: closed({}, { openai: secretKey, anthropic: secretKey, huggingface: secretKey, vllm: secretKey, lan: secretKey }),
    keys: closed({ existingSecret: nameOrNothing, file: dataKey }),
    models: models(),
    drain: closed({ preStopSeconds: whole(0, 600), seconds: whole(1, 3600) }),
    probes: closed({ startup: probe, readiness: probe, liveness: probe }),
  };
}

function models(): JsonSchema {
  const file = closed({ url: webAddress, sha256: matching(sha256) }, { name: matching("[A-Za-z0-9][-A-Za-z0-9._]*[.]gguf", 200) });
  return closed({
    source: oneOf("download", "claim", "image", "none"),
    download: closed({ files: listOf(file), size, tokenSecret: nameOrNothing, tokenKey: dataKey }),
    claim: closed({
      existing: nameOrNothing,
      size,
      storageClass: nameOrNothing,
      accessModes: { ...listOf(oneOf("ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany", "ReadWriteOncePod")), minItems: 1 },
      fill: truth,
    }),
    image: closed({ reference: matching("[^\\s]*"), pullPolicy }),
  });
}

function pods() {
  return {
    replicas: whole(0, 10_000),
    strategy: oneOf("RollingUpdate", "Recreate"),
    progressDeadlineSeconds: whole(0, 86_400),
    resources,
    gpu: closed({ count: whole(0, 64), resource: labelName, backend: oneOf("cuda", "vulkan") }),
    scratch: closed({ dataSize: size, memorySize: size, temporarySize: size }),
    podAnnotations: annotations,
    podLabels: labels,
    nodeSelector: labels,
    tolerations: listOf(toleration),
    affinity,
    topologySpread: listOf(labelName),
    topologySpreadUnsatisfiable: oneOf("DoNotSchedule", "ScheduleAnyway"),
    priorityClassName: nameOrNothing,
    runtimeClassName: nameOrNothing,
    extraObjects: listOf(anyObject),
  };
}

function reach() {
  const route = switched({ parentRefs: listOf(parentRef), hostnames: listOf(host) });
  return {
    service: closed({ type: oneOf("ClusterIP", "NodePort", "LoadBalancer"), port, grpcPort: port, annotations }),
    ingress: switched({ className: nameOrNothing, annotations, hosts: listOf(host), tlsSecret: nameOrNothing }),
    httpRoute: route,
    grpcRoute: route,
    networkPolicy: switched({
      clients: listOf(peer),
      metricsReaders: listOf(peer),
      dns: listOf(peer),
      egress: listOf(egressRule),
      privateRanges: listOf(cidr),
      privateRangesV6: listOf(cidr),
    }),
  };
}

function scale() {
  return {
    autoscaling: switched({
      minReplicas: whole(1, 10_000),
      maxReplicas: whole(1, 10_000),
      cpuPercent: whole(0, 1000),
      queue: switched({ metric: matching("[A-Za-z0-9_:./|-]+"), perPod: whole(1, 1_000_000), labels }),
      // The API server takes an hour at most.
      scaleDownSeconds: whole(0, 3600),
    }),
    disruptionBudget: switched({ maxUnavailable: { anyOf: [whole(1, 10_000), matching("[1-9][0-9]?%")] } }),
  };
}

function watch() {
  return {
    serviceMonitor: switched({ labels, interval: matching("[1-9][0-9]*(?:ms|s|m|h)") }),
    prometheusRule: switched({
      labels,
      availabilityPercent: { type: "number", minimum: 50, exclusiveMaximum: 100 },
      firstTokenSeconds: below(durationBuckets),
      perTokenSeconds: below(tokenBuckets),
      queueDepth: whole(1, 1_000_000),
    }),
  };
}

/** Parts that stand in many places; in the file they stand once. */
const shared: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [address, "address"],
  [annotations, "annotations"],
  [cidr, "cidr"],
  [dataKey, "dataKey"],
  [host, "host"],
  [labelName, "labelName"],
  [labels, "labels"],
  [name, "name"],
  [nameOrNothing, "nameOrNothing"],
  [parentRef, "parentRef"],
  [peer, "peer"],
  [quantity, "quantity"],
  [size, "size"],
]);

/** The whole text of helm/values.schema.json. */
export function valuesSchemaFile(): string {
  const definitions = Object.fromEntries([...shared].map(([schema, title]) => [title, withReferences(schema, false)]));
  const { $schema, title, ...rest } = withReferences(valuesSchema()) as JsonSchema;
  return `${JSON.stringify({ $schema, title, definitions, ...rest }, undefined, 2)}\n`;
}

function withReferences(schema: unknown, isReplaced = true): unknown {
  if (isReplaced && shared.has(schema)) return { $ref: `#/definitions/${shared.get(schema)}` };
  if (Array.isArray(schema)) return schema.map((item) => withReferences(item));
  if (typeof schema !== "object" || schema === null) return schema;
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, withReferences(value)]));
}
