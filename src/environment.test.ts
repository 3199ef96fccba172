import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { environment, laterVariables, processVariables } from "./environment.ts";
import {
  combinationsTableMarkdown,
  environmentExample,
  environmentTableMarkdown,
  limitsTableMarkdown,
  refreshSection,
} from "./environment/document.ts";
import { readEnvironment, readFlag } from "./environment/read.ts";
import { temporaryFolder } from "./testing/temporary-folder.ts";

const root = join(import.meta.dirname, "..");

/** Text that each variable of this version takes, and what it then says. */
const heeded: readonly (readonly [name: string, text: string, path: string, value: unknown])[] = [
  ["LLM_HOST", "::1", "http.host", "::1"],
  ["LLM_PORT", "0", "http.port", 0],
  ["PORT", "9000", "http.port", 9000],
  ["LLM_MORE_PORTS", "8000, 8081", "http.morePorts", ["8000", "8081"]],
  ["LLM_OPEN", "true", "http.open", true],
  ["LLM_CLIENT_KEYS", "true", "clientKeys", true],
  ["LLM_ENABLE_AUTH", "false", "http.open", true],
  ["LLM_ENABLE_AUTH", "true", "http.open", false],
  ["LLM_TLS_CERT_FILE", "/x/tls.crt", "http.tls.certFile", "/x/tls.crt"],
  ["LLM_TLS_KEY_FILE", "/x/tls.key", "http.tls.keyFile", "/x/tls.key"],
  ["LLM_TLS_CLIENT_CA_FILE", "/x/ca.crt", "http.tls.clientCaFile", "/x/ca.crt"],
  ["LLM_TLS_CLIENT_CERTIFICATES", "optional", "http.tls.clientCertificates", "optional"],
  ["LLM_HOSTS", "a.example, b.example", "http.hosts", ["a.example", "b.example"]],
  ["LLM_CORS_ORIGINS", "https://a.example, https://b.example", "http.cors.origins", ["https://a.example", "https://b.example"]],
  ["LLM_MEDIA_ALLOW", "a.example, *.b.example:8443", "media.allow", ["a.example", "*.b.example:8443"]],
  ["LLM_DEFAULT_PROVIDER", "echo", "models.defaultProvider", "echo"],
  ["LLM_PROVIDER", "local", "models.defaultProvider", "local"],
  ["LLM_DEFAULT_MODEL", "smollm2", "models.defaultModel", "smollm2"],
  ["LLM_MODEL_ALIASES", "gpt-4o=a, *=b", "aliases", { "gpt-4o": "a", "*": "b" }],
  ["LLM_MODELS_DIR", "/models", "models.directory", "/models"],
  ["LLM_MODEL_MIRROR", "https://mirror.example/m", "models.mirror", "https://mirror.example/m"],
  ["LLM_MODEL_MIRROR", "/mnt/models", "models.mirror", "/mnt/models"],
  ["LLM_DATA_DIR", "/data", "models.dataDirectory", "/data"],
  ["LLM_MODEL_MEMORY", "4GiB", "models.memoryBytes", 4 * 2 ** 30],
  ["LLM_MODEL_MEMORY", "1.5 GB", "models.memoryBytes", 1_500_000_000],
  ["LLM_GPU_MEMORY", "8000000000", "models.gpuMemoryBytes", 8e9],
  ["LLM_GPU", "none", "engine.gpu", "none"],
  ["HF_ENDPOINT", "https://hub.example", "hub.endpoint", "https://hub.example"],
  ["HF_TOKEN", "hf_abc", "hub.token", "hf_abc"],
  ["LLM_DEFAULT_TEMPERATURE", "0.7", "engine.defaultTemperature", 0.7],
  ["LLM_API_KEYS", "one,team-a:two", "keys.given", ["one", "team-a:two"]],
  ["LLM_API_KEYS_FILE", "keys.json", "http.keysFile", "keys.json"],
  ["LLM_ADMIN_PORT", "9090", "http.adminPort", 9090],
  ["LLM_METRICS_PORT", "9090", "http.adminPort", 9090],
  ["LLM_METRICS_OPEN", "true", "telemetry.openMetrics", true],
  ["LLM_DEFAULT_MAX_TOKENS", "1000", "engine.defaultMaxTokens", 1000],
  ["LLM_TIMEOUT_SECS", "2.5", "limits.values.firstTokenMs", 2500],
  ["LLM_TIMEOUT_SECS", "2.5", "limits.values.idleStreamMs", 2500],
  ["LLM_LOG_LEVEL", "INFO", "telemetry.logLevel", "info"],
  ["LOG_LEVEL", "WARNING", "telemetry.logLevel", "warn"],
  ["LLM_DEBUG", "true", "telemetry.logLevel", "debug"],
  ["LLM_DEBUG", "false", "telemetry.logLevel", undefined],
  ["LLM_LOG_FILE", "/var/log/parley.log", "telemetry.logFile", "/var/log/parley.log"],
  ["LLM_METRICS_ENABLED", "no", "telemetry.metrics", false],
  ["ENABLE_METRICS", "1", "telemetry.metrics", true],
  ["LLM_APP_NAME", "chat", "telemetry.appName", "chat"],
  ["LLM_VERSION", "2.0", "telemetry.version", "2.0"],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318", "tracing.endpoint", "http://localhost:4318"],
  ["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "tracing.protocol", "grpc"],
  ["HTTP_PROXY", "http://proxy:3128", "proxy.http", "http://proxy:3128"],
  ["https_proxy", "http://proxy:3128", "proxy.https", "http://proxy:3128"],
  ["NO_PROXY", "localhost,.example", "proxy.none", "localhost,.example"],
];

describe("the table of variables", () => {
  it.each(heeded)("reads %s=%s into %s", (name, text, path, value) => {
    expect(readEnvironment({ [name]: text }).settings.get(path)?.value).toEqual(value);
  });

  const ours = laterVariables.filter((name) => name.startsWith("LLM_"));
  it.each(ours.filter((name) => name.endsWith("_ENABLED")))("refuses %s=true, whose part is not here yet", (name) => {
    expect(() => readEnvironment({ [name]: "true" })).toThrow(`${name}: not in this version`);
    expect(() => readEnvironment({ [name]: "s3cret" })).toThrow(`${name}: not in this version`);
  });

  it.each(ours.filter((name) => !name.endsWith("_ENABLED")))("warns of %s, which asks for no such part by itself", (name) => {
    const { settings, warnings } = readEnvironment({ [name]: "s3cret" });
    expect([settings.size, warnings]).toEqual([0, [expect.stringMatching(new RegExp(`^ignored: ${name}; (?!.*s3cret)`))]]);
  });

  it("says that nothing is cached where a cache is spoken of", () => {
    const { warnings } = readEnvironment({ LLM_CACHE_ENABLED: "false", LLM_CACHE_TTL: "3600", LLM_REDIS_URL: "redis://:s3cret@h" });
    expect(warnings).toEqual([
      "ignored: LLM_REDIS_URL, LLM_CACHE_TTL; the parts that would use them are not in this version: nothing is cached, stored or sent to a broker",
    ]);
  });

  it("takes the word of those that say that such a part is not wanted", () => {
    const { settings, warnings } = readEnvironment({ LLM_CACHE_ENABLED: "false", KAFKA_ENABLED: "no", REDIS_ENABLED: "0" });
    expect([settings.size, warnings]).toEqual([0, []]);
  });

  it("names foreign variables of parts that are not here in one warning, without their values", () => {
    const { warnings } = readEnvironment({ REDIS_TTL_HOURS: "1", REDIS_URL: "redis://:s3cret@host", KAFKA_ENABLED: "true" });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^ignored: REDIS_URL, REDIS_TTL_HOURS, KAFKA_ENABLED;/);
    expect(warnings[0]).not.toContain("s3cret");
  });

  it("gives no two rows the same name", () => {
    const names = [
      ...environment.flatMap(({ name, aliases }) => [name, ...aliases.filter(({ when }) => when === undefined).map((alias) => alias.name)]),
      ...laterVariables,
    ];
    expect(names).toEqual([...new Set(names)]);
  });
});

describe("which variable holds", () => {
  it.each([
    ["our name beats an alias", { PORT: "1", LLM_PORT: "2" }, "http.port", "LLM_PORT"],
    ["an alias beats a later alias", { LLM_DEBUG: "true", LOG_LEVEL: "error" }, "telemetry.logLevel", "LOG_LEVEL"],
    [
      "an earlier row beats a later one",
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://a", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://b" },
      "tracing.endpoint",
      "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    ],
    ["an empty one counts as unset", { LLM_PORT: "", PORT: "3" }, "http.port", "PORT"],
    ["spaces alone count as unset", { LLM_PORT: "  ", PORT: "3" }, "http.port", "PORT"],
    ["one that says nothing leaves it to the next", { LLM_PORT: "tcp://10.0.0.1:8000", PORT: "3" }, "http.port", "PORT"],
  ])("%s", (_, variables, path, from) => {
    expect(readEnvironment(variables).settings.get(path)?.from).toBe(from);
  });
});

describe("what is refused", () => {
  it.each([
    [{ LLM_PORT: "http" }, 'LLM_PORT: "http" is not a whole number'],
    [{ LLM_OPEN: "true", LLM_ENABLE_AUTH: "true" }, "LLM_OPEN opens the service and LLM_ENABLE_AUTH closes it"],
    [{ LLM_OPEN: "maybe" }, 'LLM_OPEN: "maybe" is not true or false'],
    [{ LOG_LEVEL: "loud" }, 'LOG_LEVEL: "loud" is not one of trace, debug, info, warn, error, silent'],
    [{ LLM_MODEL_ALIASES: "a=b,a=c" }, "LLM_MODEL_ALIASES:"],
    [{ LLM_MODEL_ALIASES: "a" }, "LLM_MODEL_ALIASES:"],
    [{ LLM_MODEL_ALIASES: "a=b=c" }, "LLM_MODEL_ALIASES:"],
    [{ LLM_TIMEOUT_SECS: "1m" }, 'LLM_TIMEOUT_SECS: "1m" is not a number of seconds'],
    [{ LLM_PROT: "1" }, "LLM_PROT: there is no such variable, did you mean LLM_PORT"],
    [{ LLM_SOMETHING_ELSE_ALTOGETHER: "1" }, "LLM_SOMETHING_ELSE_ALTOGETHER: there is no such variable, unset it"],
    [
      { LLM_REDIS_ENABLED: "1", LLM_PROT: "1" },
      "LLM_PROT: there is no such variable, did you mean LLM_PORT; LLM_REDIS_ENABLED: not in this version",
    ],
  ])("%o", (variables, message) => {
    expect(() => readEnvironment(variables)).toThrow(message);
  });

  it.each(["HF_ENDPOINT", "HTTPS_PROXY"])("%s without showing its value, which may hold a password", (name) => {
    expect(() => readEnvironment({ [name]: "ftp://user:s3cret@host" })).toThrow(new RegExp(`${name}: its value is not a URL`));
    expect(() => readEnvironment({ [name]: "ftp://user:s3cret@host" })).not.toThrow(/s3cret/);
  });

  it("lets pass what Kubernetes writes for services named llm", () => {
    const variables = {
      LLM_SERVICE_HOST: "10.0.0.1",
      LLM_SERVICE_PORT: "8000",
      LLM_SERVICE_PORT_HTTP: "8000",
      LLM_PORT: "tcp://10.0.0.1:8000",
      LLM_PORT_8000_TCP: "tcp://10.0.0.1:8000",
      LLM_PORT_8000_TCP_ADDR: "10.0.0.1",
      LLM_GATEWAY_PORT: "tcp://10.0.0.2:80",
    };
    expect(readEnvironment(variables).settings.size).toBe(0);
  });

  it("warns that keys are asked for and not there", () => {
    for (const name of ["LLM_API_KEYS", "LLM_API_KEY", "LLM_API_KEYS_FILE"])
      expect(readEnvironment({ LLM_ENABLE_AUTH: "true", [name]: "a-key" }).warnings).toEqual([]);
    expect(readEnvironment({ LLM_ENABLE_AUTH: "true" }).warnings).toEqual([expect.stringContaining("LLM_ENABLE_AUTH asks for keys")]);
    expect(readEnvironment({ LLM_ENABLE_AUTH: "false" }).warnings).toEqual([]);
  });

  it("names the flag when a flag cannot be read", () => {
    expect(() => readFlag("--port", "http.port", "tcp://10.0.0.1:80")).toThrow('--port: "tcp://10.0.0.1:80" is not a whole number');
  });
});

describe("documents", () => {
  it(".env.example is what the table says; `npm run generate` renews it", () => {
    expect(readFileSync(join(root, ".env.example"), "utf8")).toBe(environmentExample());
  });

  it.each([
    ["environment", environmentTableMarkdown()],
    ["limits", limitsTableMarkdown()],
    ["combinations", combinationsTableMarkdown()],
  ])("the README's section %s is what the table says, where it has one", (name, text) => {
    const readme = readdirSync(root).includes("README.md") ? readFileSync(join(root, "README.md"), "utf8") : "";
    expect(refreshSection(readme, name, text)).toBe(readme);
  });

  it("replaces only what stands between the markers", () => {
    expect(refreshSection("a\n<!-- x -->\nold\n<!-- /x -->\nb", "x", "new")).toBe("a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb");
    expect(refreshSection("a <!-- x --> b", "x", "new")).toBe("a <!-- x --> b");
  });
});

it("the file .env adds what the process does not say itself", async () => {
  const folder = await temporaryFolder();
  const file = join(folder, ".env");
  writeFileSync(file, "# a comment\nLLM_APP_NAME=from-file\nLLM_VERSION=from-file\n");
  vi.stubEnv("LLM_VERSION", "from-process");
  vi.stubEnv("LLM_APP_NAME", undefined);
  try {
    expect(processVariables(file)).toMatchObject({ LLM_APP_NAME: "from-file", LLM_VERSION: "from-process" });
    expect(processVariables(join(folder, "none"))["LLM_VERSION"]).toBe("from-process");
  } finally {
    vi.unstubAllEnvs();
  }
});

// Programs of the workshop, which no service runs, are left out.
it("process.env is read in one file, and by the one that starts engines", () => {
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter(
    (file) => /\.(ts|js)$/.test(file) && !/\.test\.ts$|^(testing|bench|clients|deploy)\//.test(file),
  );
  const readers = files.filter((file) =>
    readFileSync(join(root, "src", file), "utf8")
      .replaceAll("`process.env`", "")
      .includes("process.env"),
  );
  expect(readers.toSorted()).toEqual(["environment.ts", "providers/llama-cpp/engine-process.ts"]);
});
