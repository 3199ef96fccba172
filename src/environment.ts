import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  bytesType,
  debugSwitchType,
  integerType,
  invertedSwitchType,
  levelType,
  listType,
  numberType,
  pairsType,
  pathType,
  placeType,
  portsType,
  portType,
  secondsType,
  secretType,
  secretsType,
  switchType,
  textType,
  namesType,
  urlType,
} from "./environment/values.ts";
import type { Variables } from "./core/child-environment.ts";
import { dialectRows } from "./environment/dialect-rows.ts";
import { row, type EnvironmentRow } from "./environment/row.ts";
import { isLanChosen, upstreamRows } from "./environment/upstream-rows.ts";

/** Every variable that does something. A name beats its aliases, an earlier row a later one, and a variable the configuration file; an empty one counts as unset. */
export const environment: readonly EnvironmentRow[] = [
  row("LLM_HOST", "http.host", {
    type: textType,
    default: "127.0.0.1",
    what: "Address to listen on; beyond this machine only with `LLM_OPEN`.",
  }),
  row("LLM_PORT", "http.port", {
    type: portType,
    default: "8080",
    what: "Port; 0 takes a free one, which the ready line names.",
    aliases: ["PORT"],
  }),
  row("LLM_MORE_PORTS", "http.morePorts", { type: portsType, default: "none", what: "Further ports with the same answers." }),
  row("LLM_OPEN", "http.open", {
    type: switchType,
    default: "false",
    what: "Serve callers without keys, beyond this machine too. Loading, pulling and deleting models stays with callers on this machine and keys with the scope `admin`.",
    aliases: [{ name: "LLM_ENABLE_AUTH", type: invertedSwitchType }],
  }),
  row("LLM_API_KEYS", "keys.given", {
    type: secretsType,
    default: "none",
    what: "Keys that callers must show one of, each `KEY` or `TENANT:KEY`; they allow everything but management. `LLM_API_KEY` only where the default provider is not `lan`.",
    aliases: [{ name: "LLM_API_KEY", type: secretsType, when: (variables) => !isLanChosen(variables) }],
  }),
  row("LLM_API_KEYS_FILE", "http.keysFile", {
    type: pathType,
    default: "`keys/keys.json` in the data folder, where it is there",
    what: "File of keys with tenants, scopes, models, limits and expiry, as `parley keys create` writes it; read again whenever it changes.",
  }),
  row("LLM_ADMIN_PORT", "http.adminPort", {
    type: portType,
    default: "none",
    what: "Port of its own for probes and `/metrics`, which need no key there; 0 takes a free one.",
    aliases: ["LLM_METRICS_PORT"],
  }),
  row("LLM_TLS_CERT_FILE", "http.tls.certFile", {
    type: pathType,
    default: "none: without TLS",
    what: "Certificate of the service with those that lead to its authority, PEM: the port then speaks TLS and nothing else. Read again whenever it changes, as are the next two.",
  }),
  row("LLM_TLS_KEY_FILE", "http.tls.keyFile", { type: pathType, default: "none", what: "Its private key, PEM, without a passphrase." }),
  row("LLM_TLS_CLIENT_CA_FILE", "http.tls.clientCaFile", {
    type: pathType,
    default: "none",
    what: "Certificates of whoever signs clients' certificates, PEM.",
  }),
  row("LLM_TLS_CLIENT_CERTIFICATES", "http.tls.clientCertificates", {
    type: textType,
    default: "`required` where `LLM_TLS_CLIENT_CA_FILE` is set, else `none`",
    what: "Whether clients need a certificate: `none`, `optional` (one that is shown must be good) or `required`.",
  }),
  row("LLM_HOSTS", "http.hosts", {
    type: listType,
    default: "none: on loopback no other names, elsewhere all",
    what: "Names that requests may ask for in `Host` or `:authority`, beside `localhost` and loopback addresses; `*` for any. Keeps out web pages that make their own name mean this machine.",
  }),
  row("LLM_CORS_ORIGINS", "http.cors.origins", {
    type: listType,
    default: "none",
    what: "Exact origins of web pages that may call, such as `https://chat.example`.",
  }),
  ...dialectRows,
  row("LLM_MEDIA_ALLOW", "media.allow", {
    type: listType,
    default: "none: `data:` URLs alone",
    what: "Hosts that media of requests may be fetched from over https, such as `images.example, *.cdn.example:8443`; what they lead to must be a public address.",
  }),
  row("LLM_DEFAULT_PROVIDER", "models.defaultProvider", {
    type: textType,
    default: "auto",
    what: "`auto` (a local model, else the first upstream, else `echo`), `local` or `llama-cpp` (a local model or an error), `echo` or `stub` (repeats what it is told), or an upstream's name: `openai`, `anthropic`, `ollama`, `huggingface`, `vllm`, `lan`, `raw`, or one of the file.",
    aliases: ["LLM_PROVIDER"],
  }),
  row("LLM_PROVIDER_FALLBACK", "fallback", {
    type: namesType,
    default: "none; `stub` where the provider is `lan`",
    what: "Providers that are tried in this order when a model's own targets have failed, each with its default model; `none` for none.",
  }),
  row("LLM_DEFAULT_MODEL", "models.defaultModel", {
    type: textType,
    default: "the only GGUF on disk, else the catalog's default, else the first upstream's, else `echo`",
    what: "Model that answers when a request names none.",
  }),
  row("LLM_MODEL_ALIASES", "aliases", {
    type: pairsType,
    default: "none",
    what: "Other names of models: `name=model,name=model`; `*=model` catches unknown names. Answers repeat the name asked for. Replaces the file's list.",
  }),
  row("LLM_MODELS_DIR", "models.directory", { type: pathType, default: "`models`", what: "Folder of the GGUF files." }),
  row("LLM_MODEL_MIRROR", "models.mirror", { type: placeType, default: "none", what: "Folder or URL that is asked for models first." }),
  row("LLM_DATA_DIR", "models.dataDirectory", {
    type: pathType,
    default: "the platform's data folder",
    what: "Folder of caches and partial downloads.",
  }),
  row("LLM_MODEL_MEMORY", "models.memoryBytes", {
    type: bytesType,
    default: "80 % of what is free at the start",
    what: "Memory that loaded models may take in all, such as `8GiB`; the least recently used idle ones are unloaded for others.",
  }),
  row("LLM_GPU_MEMORY", "models.gpuMemoryBytes", { type: bytesType, default: "what is free there", what: "The same of all GPUs." }),
  row("LLM_GPU", "engine.gpu", {
    type: textType,
    default: "auto",
    what: "What computes local models: `auto` (the best that is there), `none`, `cuda`, `vulkan` or `metal`.",
  }),
  row("HF_ENDPOINT", "hub.endpoint", { type: urlType, default: "https://huggingface.co", what: "Hub that models are pulled from." }),
  row("HF_TOKEN", "hub.token", {
    type: secretType,
    default: "none",
    what: "Token for the hub; the key of the upstream `huggingface` too, where it has no other.",
  }),
  row("LLM_DEFAULT_TEMPERATURE", "engine.defaultTemperature", {
    type: numberType,
    default: "the model's or upstream's own",
    what: "Temperature of requests that say none, 0 to 2; a route's own parameters beat it.",
  }),
  row("LLM_DEFAULT_MAX_TOKENS", "engine.defaultMaxTokens", {
    type: integerType,
    default: "what the context leaves, or the upstream's own",
    what: "Most new tokens of requests that say none; a route's own parameters beat it.",
  }),
  row("LLM_TIMEOUT_SECS", ["limits.values.unaryCallMs", "limits.values.firstTokenMs", "limits.values.idleStreamMs"], {
    type: secondsType,
    default: "120 whole, 60 between events; upstreams 60, `ollama` 120",
    what: "Longest wait for an answer that comes whole, for the first content of a remote target, and for the next event of any stream; an upstream's own time limit beats it. It holds for each upstream that a call asks: a call as a whole has time to wait for all of them, and for the slowest twice, and only a configured `limits.callMs` caps that.",
  }),
  ...upstreamRows,
  row("LLM_LOG_LEVEL", "telemetry.logLevel", {
    type: levelType,
    default: "info",
    what: "How much is logged; `LLM_DEBUG=true` means `debug`.",
    aliases: ["LOG_LEVEL", { name: "LLM_DEBUG", type: debugSwitchType }],
  }),
  row("LLM_LOG_FILE", "telemetry.logFile", { type: pathType, default: "none", what: "File that the log is written to as well." }),
  row("LLM_METRICS_ENABLED", "telemetry.metrics", {
    type: switchType,
    default: "true",
    what: "Whether `/metrics` answers.",
    aliases: ["ENABLE_METRICS"],
  }),
  row("LLM_METRICS_OPEN", "telemetry.openMetrics", {
    type: switchType,
    default: "false",
    what: "Whether `/metrics` needs no key on the main port.",
  }),
  row("LLM_APP_NAME", "telemetry.appName", { type: textType, default: "parley", what: "Name that `/health` shows." }),
  row("LLM_VERSION", "telemetry.version", { type: textType, default: "the package's", what: "Version that `/health` shows." }),
  row("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "tracing.endpoint", {
    type: urlType,
    default: "none",
    what: "Where traces are sent, as it stands; traces are off unless this or the next is set. All `OTEL_*` names keep the standard's meaning.",
  }),
  row("OTEL_EXPORTER_OTLP_ENDPOINT", "tracing.endpoint", {
    type: urlType,
    default: "none",
    what: "Base address of an OpenTelemetry collector, such as `http://localhost:4318`.",
  }),
  row("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "tracing.protocol", {
    type: textType,
    default: "none",
    what: "As the next, for traces alone.",
  }),
  row("OTEL_EXPORTER_OTLP_PROTOCOL", "tracing.protocol", {
    type: textType,
    default: "http/protobuf",
    what: "How they are sent: `http/protobuf`, `http/json` or `grpc`.",
  }),
  row("OTEL_TRACES_EXPORTER", "tracing.exporter", { type: textType, default: "otlp", what: "`none` turns traces off." }),
  row("OTEL_SDK_DISABLED", "tracing.isDisabled", { type: switchType, default: "false", what: "Turns traces off." }),
  row("OTEL_SERVICE_NAME", "tracing.serviceName", { type: textType, default: "parley", what: "Name of the service in traces." }),
  row("HTTPS_PROXY", "proxy.https", {
    type: urlType,
    default: "none",
    what: "Proxy for https addresses: of upstreams, and for pulls.",
    aliases: ["https_proxy"],
  }),
  row("HTTP_PROXY", "proxy.http", {
    type: urlType,
    default: "none",
    what: "Proxy for http addresses: of upstreams, and for pulls.",
    aliases: ["http_proxy"],
  }),
  row("NO_PROXY", "proxy.none", {
    type: textType,
    default: "none",
    what: "Hosts that are reached without a proxy.",
    aliases: ["no_proxy"],
  }),
];

/** Names of parts that this version does not have. One of ours that asks for such a part (`..._ENABLED`) is refused; all others that are set are named in a warning. */
export const laterVariables: readonly string[] = [
  "LLM_REDIS_URL",
  "LLM_REDIS_ENABLED",
  "LLM_REDIS_MAX_CONNECTIONS",
  "LLM_CACHE_ENABLED",
  "LLM_CACHE_TTL",
  "LLM_KAFKA_BOOTSTRAP_SERVERS",
  "LLM_KAFKA_ENABLED",
  "LLM_KAFKA_REQUEST_TOPIC",
  "LLM_KAFKA_METRICS_TOPIC",
  "LLM_KAFKA_ERROR_TOPIC",
  "REDIS_URL",
  "REDIS_ENABLED",
  "REDIS_MAX_CONNECTIONS",
  "REDIS_TTL_HOURS",
  "KAFKA_BOOTSTRAP_SERVERS",
  "KAFKA_ENABLED",
  "KAFKA_REQUEST_TOPIC",
  "KAFKA_METRICS_TOPIC",
  "KAFKA_ERROR_TOPIC",
];

/** The process's own variables, below them those of a file, if it is there: `.env` beside package.json. Nothing else reads `process.env`, except Node and the OpenTelemetry SDK. */
export function processVariables(file = join(import.meta.dirname, "..", ".env")): Variables {
  if (existsSync(file)) process.loadEnvFile(file);
  return process.env;
}
