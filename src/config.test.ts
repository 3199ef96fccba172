import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ConfigSchema } from "../gen/parley/config/v1/config_pb.ts";
import { loadConfig, resolveConfig } from "./config.ts";
import { describeConfig } from "./config/describe.ts";
import { packageRoot, platformDataFolder } from "./config/settings.ts";
import { defaultLimits } from "./core/limits.ts";
import { sharedFolder } from "./testing/temporary-folder.ts";

const folder = sharedFolder();

let files = 0;
function fileWith(text: string, name = `${(files += 1)}.yaml`): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

describe("a configuration", () => {
  it("has a default for everything", () => {
    const { settings, limits, hub, tracing, origins, warnings } = loadConfig({ environment: {} });
    expect(settings).toMatchObject({
      host: "127.0.0.1",
      port: 8080,
      open: false,
      corsOrigins: [],
      reflection: true,
      modelsDirectory: join(packageRoot, "models"),
      modelMirror: undefined,
      defaultModel: undefined,
      defaultProvider: "auto",
      aliases: {},
      gpu: "auto",
      logLevel: "info",
      metrics: true,
      appName: "parley",
    });
    expect(limits).toEqual(defaultLimits);
    expect(hub).toEqual({ endpoint: "https://huggingface.co", token: undefined });
    expect(tracing).toEqual({ isOn: false, protocol: "http/protobuf", serviceName: undefined });
    expect([origins.size, warnings]).toEqual([0, []]);
  });

  it("is the file, then the environment, then the flags", () => {
    const file = fileWith("http:\n  port: 1\n  host: 127.0.0.2\n  reflection: false\ntelemetry: {log_level: error}\naliases: {a: x}\n");
    const environment = { LLM_PORT: "2", LLM_LOG_LEVEL: "debug", LLM_MODEL_ALIASES: "b=y" };
    const { settings, origins } = loadConfig({ file, environment, flags: { port: "3" } });
    expect(settings).toMatchObject({ port: 3, host: "127.0.0.2", reflection: false, logLevel: "debug", aliases: { b: "y" } });
    expect(Object.fromEntries(origins)).toEqual({
      "http.port": "--port",
      "http.host": file,
      "http.reflection": file,
      "telemetry.logLevel": "LLM_LOG_LEVEL",
      aliases: "LLM_MODEL_ALIASES",
    });
  });

  it("takes both spellings of a name, in YAML and JSON", () => {
    const yaml = fileWith("models:\n  default_model: a\n  default_provider: local\n");
    const json = fileWith(JSON.stringify({ models: { defaultModel: "a", defaultProvider: "llama-cpp" } }), "x.json");
    for (const file of [yaml, json])
      expect(loadConfig({ file, environment: {} }).settings).toMatchObject({ defaultModel: "a", defaultProvider: "llama-cpp" });
  });

  it("may be an empty file", () => {
    expect(loadConfig({ file: fileWith("# nothing\n"), environment: {} }).settings.port).toBe(8080);
  });

  it("takes folders of a file below the file's own folder, and those of a variable below the working one", () => {
    const file = fileWith("models: {directory: gguf, mirror: ../mirror}\n");
    expect(loadConfig({ file, environment: {} }).settings).toMatchObject({
      modelsDirectory: join(folder, "gguf"),
      modelMirror: join(folder, "../mirror"),
    });
    expect(loadConfig({ file, environment: { LLM_MODELS_DIR: "gguf" } }).settings.modelsDirectory).toBe(join(process.cwd(), "gguf"));
  });

  it("can be made by a program", () => {
    const { settings, limits } = resolveConfig(create(ConfigSchema, { http: { port: 0 }, limits: { values: { drainMs: 5n } } }));
    expect([settings.port, limits.drainMs]).toEqual([0, 5]);
    expect(() => resolveConfig(create(ConfigSchema, { http: { port: -1 } }))).toThrow("http.port: -1 is outside 0 to 65535");
  });

  it("says how models are loaded and how much memory they may take, a variable before the file", () => {
    const file = fileWith("models: {memory_bytes: 1000, options: {a: {kv_type: Q8_0, keep_alive_seconds: 60, lora_adapters: [x]}}}\n");
    const { settings } = loadConfig({ file, environment: { LLM_GPU_MEMORY: "1KiB", LLM_MODEL_MEMORY: "2kB" } });
    expect(settings).toMatchObject({ memoryBytes: 2000, gpuMemoryBytes: 1024 });
    expect(settings.modelOptions["a"]).toMatchObject({ kvType: "Q8_0", keepAliveSeconds: 60, loraAdapters: ["x"] });
    expect(() => loadConfig({ environment: { LLM_MODEL_MEMORY: "much" } })).toThrow(
      'LLM_MODEL_MEMORY: "much" is not a number of bytes such as 4GiB',
    );
  });

  it("keeps the older names of providers", () => {
    expect(loadConfig({ environment: { LLM_PROVIDER: "stub" } }).settings.defaultProvider).toBe("echo");
    expect(loadConfig({ environment: { LLM_PROVIDER: "local" } }).settings.defaultProvider).toBe("llama-cpp");
  });

  it("sends traces when an endpoint is named, unless they are turned off", () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318" };
    const isOn = (more: Record<string, string>) => loadConfig({ environment: { ...endpoint, ...more } }).tracing.isOn;
    expect([isOn({}), isOn({ OTEL_SDK_DISABLED: "true" }), isOn({ OTEL_TRACES_EXPORTER: "none" })]).toEqual([true, false, false]);
  });
});

describe("a bad file is refused whole, with the path of the key", () => {
  it.each([
    ["http: {prt: 1}", "http.prt: there is no such key; did you mean port"],
    ["htp: {}", "htp: there is no such key; did you mean http"],
    ["zzzzzz: 1", "zzzzzz: there is no such key; known are http, models,"],
    ["http: {port: soon}", "http.port: must be a whole number"],
    ["http: {port: 65536}", "http.port: 65536 is outside 0 to 65535"],
    ["http: [1]", "http: must be a map of names to values"],
    ["- 1", "the whole: must be a map of names to values"],
    ["http: {cors: {origins: https://a}}", "http.cors.origins: must be a list"],
    ["http: {cors: {origins: [1]}}", "http.cors.origins[0]: must be a text"],
    ["http: {cors: {origins: ['*']}}", 'http.cors.origins: "*" is no exact origin'],
    ["http: {cors: {origins: ['https://a.example/']}}", "is no exact origin"],
    ["http: {cors: {origins: ['app://notes/index.html']}}", "is no exact origin"],
    ["http: {cors: {origins: ['null']}}", "is no exact origin"],
    ["http: {host: 'a b'}", "http.host: must be an address or a host name"],
    ["models: {options: {a: {sequences: 0}}}", "models.options.a.sequences: 0 is outside 1 to 256"],
    ["models: {options: {a: {kv_type: q9}}}", 'models.options.a.kvType: there is no type "q9"; known are f32, f16, bf16, q8_0'],
    ["models: {options: {a: {kv_type: q8_0, flash_attention: false}}}", "models.options.a.kvType: q8_0 needs flash attention"],
    ["models: {options: {a: {keep_alive_seconds: -1}}}", "models.options.a.keepAliveSeconds: -1 is outside 0 to 2147483"],
    ["models: {memory_bytes: 0}", "models.memoryBytes: 0 is outside 1 to 9007199254740991"],
    ["models: {options: {a: {sequence: 1}}}", "models.options.a.sequence: there is no such key; did you mean sequences"],
    ["models: {default_model: a, defaultModel: b}", "models.defaultModel: given twice"],
    ["models: {default_model: ../a}", 'models.defaultModel: "../a" cannot be a model\'s name'],
    ["models: {default_provider: openai}", "the upstream openai needs a key: set LLM_OPENAI_API_KEY or OPENAI_API_KEY"],
    ["models: {default_provider: opnai}", 'models.defaultProvider: there is no provider "opnai"'],
    ["engine: {gpu: amd}", "engine.gpu: must be one of auto, none, cuda, vulkan, metal"],
    ["engine: {default_temperature: .nan}", "engine.default_temperature: must be a number"],
    ["limits: {values: {maxBodyByte: 1}}", "limits.values.maxBodyByte: there is no such limit; did you mean maxBodyBytes"],
    ["limits: {values: {maxBodyBytes: 1}}", "limits.values.maxBodyBytes: 1 is outside 1024 to 1073741824 bytes"],
    ["limits: {values: {drainMs: 1.5}}", "limits.values.drainMs: must be a whole number"],
    ["telemetry: {log_level: loud}", "telemetry.logLevel: must be one of trace"],
    ["aliases: {a: a}", 'aliases: "a" stands for itself'],
    ["aliases: {a: 1}", "aliases.a: must be a text"],
    [
      "http: {host: 0.0.0.0}",
      "http.host: 0.0.0.0 is reached from other machines, and there are no keys: make one with `parley keys create`",
    ],
  ])("%s", (text, message) => {
    const file = fileWith(text);
    expect(() => loadConfig({ file, environment: {} })).toThrow(`${file}: `);
    expect(() => loadConfig({ file, environment: {} })).toThrow(message);
  });

  it("even where a variable would replace the bad value", () => {
    expect(() => loadConfig({ file: fileWith("http: {port: 70000}"), environment: { LLM_PORT: "1" } })).toThrow("http.port: 70000");
  });

  it.each(["a: [s3cret\nb: 2", "a: 1\na: s3cret", "a: !x s3cret", "upstreams: [{api_keys: s3cret}]", "x: &a s3cret\ny: *b"])(
    "without quoting it: %j",
    (text) => {
      const file = fileWith(text);
      expect(() => loadConfig({ file, environment: {} })).toThrow(file);
      expect(() => loadConfig({ file, environment: {} })).not.toThrow(/s3cret/);
    },
  );

  it("names the place of what is no YAML", () => {
    expect(() => loadConfig({ file: fileWith("a: 1\nb: [1\nc: 2", "bad.yaml"), environment: {} })).toThrow(
      "bad.yaml:3:1: neither YAML nor JSON",
    );
  });

  it("says so when it is not there", () => {
    expect(() => loadConfig({ file: join(folder, "none.yaml"), environment: {} })).toThrow(
      "none.yaml: the configuration cannot be read: ENOENT",
    );
  });
});

describe("a value out of range is blamed on what set it", () => {
  it.each([
    [{ environment: { LLM_PORT: "70000" } }, "LLM_PORT: 70000 is outside 0 to 65535"],
    [{ environment: { PORT: "-1" } }, "PORT: -1 is outside 0 to 65535"],
    [{ environment: {}, flags: { port: "70000" } }, "--port: 70000 is outside 0 to 65535"],
    [{ environment: {}, flags: { logLevel: "loud" } }, '--log-level: "loud" is not one of'],
    [{ environment: { LLM_PROVIDER: "huggingface" } }, "LLM_PROVIDER: the upstream huggingface needs a key: set"],
    [{ environment: { LLM_DEFAULT_MODEL: "../x" } }, 'LLM_DEFAULT_MODEL: "../x" cannot be a model\'s name'],
    [{ environment: { LLM_TIMEOUT_SECS: "0" } }, "LLM_TIMEOUT_SECS: 0 is outside 10 to 86400000 ms"],
    [{ environment: { LLM_DEFAULT_TEMPERATURE: "3" } }, "LLM_DEFAULT_TEMPERATURE: 3 is outside 0 to 2"],
    [{ environment: { OTEL_EXPORTER_OTLP_PROTOCOL: "carrier-pigeon" } }, "OTEL_EXPORTER_OTLP_PROTOCOL:"],
    [{ environment: { LLM_HOST: "::" } }, "LLM_HOST: :: is reached from other machines"],
    [{ environment: {}, flags: { host: "chat.example" } }, "--host: chat.example is reached from other machines"],
  ])("%o", (sources, message) => {
    expect(() => loadConfig(sources)).toThrow(message);
  });

  it.each(["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])("%s needs no leave", (host) => {
    expect(loadConfig({ environment: {}, flags: { host } }).settings.host).toBe(host.replaceAll(/[[\]]/g, ""));
  });

  it("serves other machines when told to", () => {
    expect(loadConfig({ environment: { LLM_OPEN: "true", LLM_HOST: "0.0.0.0" } }).settings).toMatchObject({ host: "0.0.0.0", open: true });
    expect(loadConfig({ environment: { LLM_HOST: "0.0.0.0" }, flags: { open: true } }).settings.open).toBe(true);
  });
});

it("shows what was understood and from where, and no secret in any print", () => {
  const file = fileWith("http: {port: 1}\n", "shown.yaml");
  const environment = {
    HF_TOKEN: "hf_s3cret",
    HTTPS_PROXY: "http://user:s3cret@proxy:1",
    LLM_MODEL_MIRROR: "https://user:s3cret@mirror.example/m?token=QUERY-SECRET",
    LLM_TIMEOUT_SECS: "5",
  };
  const loaded = loadConfig({ file, environment, flags: { modelName: "smollm2" } });
  const lines = describeConfig(loaded)
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  expect(lines).toContainEqual(["http.port", "1", file]);
  expect(lines).toContainEqual(["http.host", "127.0.0.1", "default"]);
  expect(lines).toContainEqual(["models.defaultModel", "smollm2", "--model-name"]);
  expect(lines).toContainEqual(["models.mirror", "https://***@mirror.example/m?***", "LLM_MODEL_MIRROR"]);
  expect(lines).toContainEqual(["hub.token", "***", "HF_TOKEN"]);
  expect(lines).toContainEqual(["limits.values.firstTokenMs", "5000 ms", "LLM_TIMEOUT_SECS"]);
  const { config: _, settings: __, ...beside } = loaded;
  for (const text of [describeConfig(loaded), inspect(beside, { depth: 9 }), JSON.stringify(beside)]) expect(text).not.toContain("s3cret");
  expect(loaded.hub.token?.reveal()).toBe("hf_s3cret");
});

describe("folders", () => {
  it.each([
    ["linux", {}, "/home/u/.local/share/parley"],
    ["linux", { XDG_DATA_HOME: "/x" }, "/x/parley"],
    ["darwin", {}, "/home/u/Library/Application Support/parley"],
    ["win32", { LOCALAPPDATA: "/local" }, "/local/parley"],
  ])("of data on %s %o", (platform, variables, expected) => {
    expect(platformDataFolder({ platform, home: "/home/u", variables })).toBe(expected);
  });
});

it("takes origins as browsers, extensions and desktop programs send them", () => {
  const origins = ["https://chat.example", "http://localhost:3000", "chrome-extension://abcdef", "app://notes"];
  expect(loadConfig({ environment: { LLM_CORS_ORIGINS: origins.join(",") } }).settings.corsOrigins).toEqual(origins);
});
