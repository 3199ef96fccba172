import { ScalarType, type DescField, type DescMessage } from "@bufbuild/protobuf";
import { ConfigSchema } from "../../../gen/parley/config/v1/config_pb.ts";
import { gpus } from "../../core/gpus.ts";
import { limits } from "../../core/limits.ts";
import { disconnectPolicies, upstreamKinds } from "../../core/upstreams.ts";
import { environment } from "../../environment.ts";
import { logLevels, secretsType, secretType, type ValueType } from "../../environment/values.ts";
import { closed, listOf, mapOf, matching, oneOf, text, truth, whole, type JsonSchema } from "./json-schema.ts";

/** What the chart says itself, or what cannot stand in a ConfigMap: keys of the file that `config` does not take. */
const notTaken = new Set([
  "Http.host",
  "Http.port",
  "Http.morePorts",
  "Http.open",
  "Http.keysFile",
  "Http.adminPort",
  "Http.tls",
  "Models.directory",
  "Models.dataDirectory",
  "Telemetry.logFile",
  "Telemetry.metrics",
  "Upstream.apiKeys",
]);

/** The limit that `drain.seconds` sets. */
const ownLimit = "drainMs";

const host = "[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?";
const port = "(?::[0-9]{1,5})?";
const mediaHost = `(?:[*][.])?${host}${port}`;

/** A URL, or a host with a port; never a name and a password in it, since it is no secret here. */
export const address: JsonSchema = matching(
  `(?:https?://)?(?:${host}|\\[(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}\\])${port}(?:/(?:[-A-Za-z0-9._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*)?`,
);

const secondsTo = (maximum: number): JsonSchema => ({ type: "number", minimum: 0.001, maximum });

const anyCase = (word: string) => word.replace(/[a-z]/g, (letter) => `[${letter.toUpperCase()}${letter}]`);
const keyHeader = ["auth", "cookie", "key", "token", "secret", "password", "credential", "signature"].map(anyCase).join("|");

/** Fields of which more is known than their type says. */
const known: Readonly<Record<string, JsonSchema>> = {
  "Engine.defaultTemperature": { type: "number", minimum: 0, maximum: 2 },
  "Engine.gpu": oneOf(...gpus),
  "Limits.values": closed({}, limitValues()),
  "Media.allow": listOf(matching(mediaHost)),
  "ModelOptions.batchTokens": whole(1, 65_536),
  "ModelOptions.contextLength": whole(8, 16_777_216),
  "ModelOptions.kvType": oneOf("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"),
  "ModelOptions.sequences": whole(1, 256),
  "ModelOptions.threads": whole(1, 1024),
  "OpenAIDialect.thinking": oneOf("reasoning_content", "reasoning", "both"),
  "Telemetry.logLevel": oneOf(...logLevels),
  "Upstream.baseUrl": address,
  "Upstream.disconnect": oneOf(...disconnectPolicies),
  // What carries a key would stand in a ConfigMap: upstreamKeys and existingConfig are for that.
  "Upstream.headers": { type: "object", propertyNames: { not: { pattern: keyHeader } }, additionalProperties: text },
  "Upstream.connectSeconds": secondsTo(3600),
  "Upstream.firstTokenSeconds": secondsTo(86_400),
  "Upstream.idleSeconds": secondsTo(86_400),
  "Upstream.name": matching("[a-z0-9-]+", 64),
  "Upstream.timeoutSeconds": secondsTo(86_400),
  "Upstream.totalSeconds": secondsTo(86_400),
  "Upstream.kind": oneOf(...upstreamKinds),
};

/** Fields without which their message means nothing. */
const required: Readonly<Record<string, readonly string[]>> = {
  Route: ["model", "targets"],
  Target: ["upstream"],
  Upstream: ["name", "kind"],
};

/** The schema of `config`: the configuration file, but for what the chart says itself. */
export function configSchema(): JsonSchema {
  return messageSchema(ConfigSchema);
}

/** What may be fetched: as an address, with its scheme. */
export const webAddress: JsonSchema = matching(`https?://${host}${port}/(?:[-A-Za-z0-9._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})+`);

function limitValues(): Record<string, JsonSchema> {
  const rows = Object.entries(limits).filter(([name]) => name !== ownLimit);
  return Object.fromEntries(rows.map(([name, { min, max }]) => [name, { type: "integer", minimum: min, maximum: max }]));
}

function messageSchema(message: DescMessage): JsonSchema {
  // The contract's own JSON, which the service checks.
  if (message.typeName === "google.protobuf.Struct") return { type: "object" };
  const taken = message.fields.filter(({ jsonName }) => !notTaken.has(`${message.name}.${jsonName}`));
  const schemas = taken.map((field) => [field.jsonName, known[`${message.name}.${field.jsonName}`] ?? fieldSchema(field)] as const);
  const isRequired = ([name]: readonly [string, JsonSchema]) => required[message.name]?.includes(name) === true;
  return closed(Object.fromEntries(schemas.filter(isRequired)), Object.fromEntries(schemas.filter((entry) => !isRequired(entry))));
}

function fieldSchema(field: DescField): JsonSchema {
  switch (field.fieldKind) {
    case "message":
      return messageSchema(field.message);
    case "list":
      // A route without targets leads nowhere.
      return {
        ...listOf(field.listKind === "message" ? messageSchema(field.message) : scalarSchema(field.scalar)),
        ...(field.name === "targets" && { minItems: 1 }),
      };
    case "map":
      return mapOf(field.mapKind === "message" ? messageSchema(field.message) : scalarSchema(field.scalar));
    default:
      return scalarSchema(field.scalar);
  }
}

function scalarSchema(type: ScalarType | undefined): JsonSchema {
  switch (type) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BOOL:
      return truth;
    case ScalarType.DOUBLE:
      return { type: "number", minimum: 0 };
    case ScalarType.INT32:
    case ScalarType.INT64:
      return { type: "integer", minimum: 0 };
    default:
      throw new TypeError("the configuration has a field of a type that the chart's schema does not know");
  }
}

/** Variables that the chart sets itself, or that mean nothing in a pod. */
const ownVariables = new Set([
  "LLM_ADMIN_PORT",
  "LLM_API_KEYS_FILE",
  "LLM_CLIENT_KEYS",
  "LLM_DATA_DIR",
  "LLM_GPU",
  "LLM_HOST",
  "LLM_LOG_FILE",
  "LLM_METRICS_ENABLED",
  "LLM_MODELS_DIR",
  "LLM_MORE_PORTS",
  "LLM_OPEN",
  "LLM_PORT",
  "LLM_TLS_CERT_FILE",
  "LLM_TLS_CLIENT_CA_FILE",
  "LLM_TLS_CLIENT_CERTIFICATES",
  "LLM_TLS_KEY_FILE",
]);

/** Variables of Node and of OpenTelemetry that a deployment says, beside those of the table. */
const ofOthers = [
  "NODE_OPTIONS",
  "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
  "OTEL_BSP_MAX_QUEUE_SIZE",
  "OTEL_BSP_SCHEDULE_DELAY",
  "OTEL_EXPORTER_OTLP_TIMEOUT",
  "OTEL_RESOURCE_ATTRIBUTES",
  "OTEL_TRACES_SAMPLER",
  "OTEL_TRACES_SAMPLER_ARG",
];

const secretTypes: readonly ValueType[] = [secretType, secretsType];

/** The schema of `environment`: the service's variables, but for what the chart sets itself, and for secrets. */
export function environmentSchema(): JsonSchema {
  const rows = environment.filter(({ name, type }) => !ownVariables.has(name) && !secretTypes.includes(type));
  const names = rows.map(({ name }) => name);
  const of: Readonly<Record<string, JsonSchema>> = { LLM_MEDIA_ALLOW: matching(`(?:${mediaHost}(?:, *${mediaHost})*)?`) };
  const isAddress = (name: string) => /(?:_URL|_ENDPOINT|_PROXY)$/.test(name) && name !== "NO_PROXY";
  const plain = { type: ["string", "boolean"] };
  return closed({}, Object.fromEntries([...names, ...ofOthers].map((name) => [name, of[name] ?? (isAddress(name) ? address : plain)])));
}
