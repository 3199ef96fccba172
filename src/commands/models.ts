import { toJson } from "@bufbuild/protobuf";
import { Command } from "commander";
import { ModelSchema, PullModelResponseSchema, type Model } from "../../gen/parley/v1/models_pb.ts";
import { loadConfig } from "../config.ts";
import { modelOfFile } from "../core/model-message.ts";
import type { ModelFile } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import type { ModelLibrary } from "../library/library.ts";
import { silentLog } from "../telemetry/log.ts";
import type { Host } from "./host.ts";
import { modelTableText, modelText } from "./models-text.ts";
import { showPull } from "./progress-bar.ts";
import { exitCodeOf, stopSignals } from "./stop-signals.ts";

interface Flags {
  readonly config?: string | undefined;
  readonly modelsDir?: string | undefined;
  readonly json?: boolean | undefined;
}

/** What one command works with. */
interface Work {
  readonly library: ModelLibrary;
  readonly host: Host;
  readonly isJson: boolean;
  readonly signal: AbortSignal;
}

/** The provider that serves models of this machine. */
const localProvider = "llama-cpp";

const examples = `
Examples:
  parley models list                                  what is on disk, and what can be pulled by id
  parley models pull smollm2-135m-instruct            a model of the catalog: its size and hash are checked
  parley models pull hf:owner/repo/file.gguf          any GGUF file of the Hugging Face hub
  parley models pull https://example.com/file.gguf    any GGUF file behind https
  parley models info smollm2-135m-instruct --json
  parley models rm smollm2-135m-instruct

A file that is copied into the folder needs no command: a running service sees it, and it answers to its name
with and without .gguf. A pull that was interrupted goes on where it was.
LLM_MODELS_DIR names the folder, LLM_MODEL_MIRROR a folder or https URL that is asked first; HF_ENDPOINT, HF_TOKEN
and the proxy variables are respected.
Exit codes: 0 all well, 1 a failure, 2 a mistake on the command line or in the configuration, 130 interrupted.`;

/** \`parley models\`; \`done\` is told the exit code. */
export function modelsCommand(host: Host, done: (exitCode: number) => void): Command {
  const models = new Command("models")
    .description("list, pull, describe and delete the models of this machine")
    .addHelpText("after", examples);
  const add = (usage: string, description: string, work: (work: Work, name: string) => Promise<void>) => {
    const [verb, argument] = usage.split(" ");
    const command = withFlags(new Command(verb).description(description));
    if (argument !== undefined) command.argument(argument);
    command.action(async () => done(await withLibrary(command.opts<Flags>(), host, (parts) => work(parts, command.args[0] ?? ""))));
    models.addCommand(command);
  };
  add("list", "models on disk, and models of the catalog that can be pulled", list);
  add("info <name>", "everything known of one model", info);
  add("pull <id>", "bring a model on disk: an id of the catalog, hf:owner/repo/file.gguf, or an https URL", pull);
  add("rm <name>", "delete a model's file", remove);
  return models;
}

function withFlags(command: Command): Command {
  return command
    .option("--json", "print JSON: messages of the contract, for pull one a line")
    .option("--models-dir <folder>", "folder of the GGUF files (default: models)")
    .option("--config <file>", "configuration, YAML or JSON");
}

async function withLibrary(flags: Flags, host: Host, work: (parts: Work) => Promise<void>): Promise<number> {
  const loaded = loadConfig({
    file: flags.config,
    environment: host.variables,
    flags: { modelsDir: flags.modelsDir },
  });
  for (const warning of loaded.warnings) host.err.write(`parley: ${warning}\n`);
  const { openModelLibrary } = await import("../service-library.ts");
  const library = await openModelLibrary(loaded, silentLog); // what goes wrong comes back as an error
  const signals = stopSignals();
  try {
    await work({ library, host, isJson: flags.json === true, signal: signals.first });
    return 0;
  } catch (error) {
    if (!signals.first.aborted) throw error;
    host.err.write("parley: interrupted; the same command goes on where it was\n");
    return exitCodeOf(signals.first.reason as NodeJS.Signals);
  } finally {
    signals.release();
    await library.close();
  }
}

async function list({ library, host, isJson }: Work): Promise<void> {
  const models = [...library.list().map(described), ...catalogOf(library)];
  if (isJson) return writeJson(host, { models: models.map((model) => toJson(ModelSchema, model)) });
  host.out.write(`${modelTableText(models)}\nThe model folder is ${library.directory}\n`);
}

async function info({ library, host, isJson }: Work, name: string): Promise<void> {
  const file = library.find(name);
  const model = file === undefined ? inCatalog(library, name) : described(file);
  if (isJson) return writeJson(host, toJson(ModelSchema, model));
  host.out.write(modelText(model, file?.path));
}

function described(file: ModelFile): Model {
  return modelOfFile(file, { provider: localProvider });
}

function catalogOf(library: ModelLibrary): readonly Model[] {
  return library.catalog().map((model) => ({ ...model, provider: localProvider }));
}

function inCatalog(library: ModelLibrary, name: string): Model {
  const model = catalogOf(library).find(({ id, aliases }) => id === name || aliases.includes(name));
  if (model === undefined)
    throw fault(
      "model_not_found",
      `no model on disk or in the catalog is called ${JSON.stringify(name)}; \`parley models list\` shows all`,
    );
  return model;
}

async function pull({ library, host, isJson, signal }: Work, reference: string): Promise<void> {
  const steps = library.pullFrom(reference, signal);
  if (isJson) {
    for await (const step of steps) writeJson(host, toJson(PullModelResponseSchema, step));
    return;
  }
  let id = reference;
  const named = async function* () {
    for await (const step of steps) {
      id = step.model;
      yield step;
    }
  };
  await showPull(named(), { id: reference, err: host.err });
  const file = library.find(id);
  if (file !== undefined) host.out.write(modelText(described(file), file.path));
}

async function remove({ library, host, isJson }: Work, name: string): Promise<void> {
  const freedBytes = await library.remove(name);
  if (isJson) return writeJson(host, { freedBytes: String(freedBytes) });
  host.out.write(`${name} is deleted: ${freedBytes} bytes are free again\n`);
}

function writeJson({ out }: Host, value: unknown): void {
  out.write(`${JSON.stringify(value)}\n`);
}
