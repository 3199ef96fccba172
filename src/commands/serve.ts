import { Command } from "commander";
import { loadConfig, type Flags, type LoadedConfig } from "../config.ts";
import { describeConfig } from "../config/describe.ts";
import { fault } from "../core/reasons.ts";
import { run } from "./run.ts";
import type { Host } from "./host.ts";

/** Flags of `parley serve`, as typed. */
export interface ServeFlags extends Flags {
  readonly config?: string | undefined;
  readonly check?: boolean | undefined;
  readonly live?: boolean | undefined;
  readonly readyFile?: string | undefined;
}

const examples = `
Examples:
  parley serve                            the local model on http://127.0.0.1:8080; the first start fetches it
  parley serve --port 0 --ready-file r    a free port, named in the ready line and in the file r
  parley serve --model-name my-model      answers with models/my-model.gguf when a request names no model
  OPENAI_API_KEY=sk-... parley serve --model-name gpt-4o-mini   in front of an upstream
  parley keys create && parley serve --host 0.0.0.0   for callers that show the key
  parley serve --host 0.0.0.0 --open      for everyone who can connect
  parley serve --config parley.yaml --check   what would hold, and what says so
  parley serve --check --live             whether every upstream answers, with each of its keys

Everything can also be said in the file (proto/parley/config/v1/config.proto) or by variables (.env.example);
a flag beats a variable, a variable beats the file. SIGTERM or Ctrl-C lets running answers finish, a second one does not.
The banner and the line "parley ready at URL" go to standard output, the log to standard error, a JSON object a line.`;

/** `parley serve`; `done` is told the exit code. */
export function serveCommand(host: Host, done: (exitCode: number) => void): Command {
  return new Command("serve")
    .description("start the service")
    .option("--host <address>", "address to listen on (default: 127.0.0.1)")
    .option("--port <number>", "port, 0 for a free one (default: 8080)")
    .option("--open", "serve callers without keys, on an address that other machines reach too")
    .option("--model-name <id>", "the model that answers when a request names none")
    .option("--models-dir <folder>", "folder of the GGUF files (default: models)")
    .option("--log-level <level>", "trace, debug, info, warn, error or silent (default: info)")
    .option("--config <file>", "configuration, YAML or JSON")
    .option("--check", "say what was understood and from where, and stop; nothing is started or fetched")
    .option("--live", "with --check: ask every upstream for its models and one short answer, with each key")
    .option("--ready-file <file>", "written when the service listens: JSON with urls and pid; removed at the end")
    .addHelpText("after", examples)
    .action(async (flags: ServeFlags) => done(await serve(flags, host)));
}

async function serve(flags: ServeFlags, host: Host): Promise<number> {
  const loaded = loadConfig({ file: flags.config, environment: host.variables, flags });
  for (const warning of loaded.warnings) host.err.write(`parley: ${warning}\n`);
  if (flags.check !== true) {
    if (flags.live === true) throw fault("invalid_request", "--live: says nothing without --check");
    return run(loaded, { host, readyFile: flags.readyFile });
  }
  const { upstreams, routes, tls } = loaded.settings;
  if (upstreams.length > 0 || routes.length > 0 || tls !== undefined) await checkedParts(loaded);
  const { checkKeys } = await import("../service-keys.ts");
  await checkKeys(loaded);
  host.out.write(`${describeConfig(loaded)}\n\nthe configuration is good\n`);
  return flags.live === true ? askUpstreams(loaded, host) : 0;
}

/** The modules that judge are loaded where there is something to judge. */
async function checkedParts(loaded: LoadedConfig): Promise<void> {
  const { checkParts } = await import("../service-check.ts");
  await checkParts(loaded);
}

/** The modules that ask are loaded late, so that `--check` alone is quick and offline. */
async function askUpstreams(loaded: LoadedConfig, { out }: Host): Promise<number> {
  const { checkLive, liveText } = await import("./check-live.ts");
  const results = await checkLive(loaded);
  out.write(results.length === 0 ? "there is no upstream to ask\n" : `${liveText(results)}\n`);
  return results.every(({ isFine }) => isFine) ? 0 : 1;
}
