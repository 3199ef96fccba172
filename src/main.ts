import { ConnectError } from "@connectrpc/connect";
import { Command, CommanderError } from "commander";
import { generate } from "./commands/generate.ts";
import { healthcheckCommand } from "./commands/healthcheck.ts";
import type { Host } from "./commands/host.ts";
import { keysCommand } from "./commands/keys.ts";
import { modelsCommand } from "./commands/models.ts";
import { serveCommand } from "./commands/serve.ts";
import { packageVersion } from "./config/settings.ts";
import { errorText } from "./core/error-text.ts";
import { reasonOf } from "./core/reasons.ts";
import { processVariables } from "./environment.ts";

const guide = `
Start here:
  parley serve                          a service on http://127.0.0.1:8080 with a model that runs on this machine
  parley serve --help                   its flags; every variable stands in .env.example
  parley models list                    what is on disk, and what can be pulled
  parley models pull hf:owner/repo/file.gguf
  parley keys create                    a key for callers; from then on each must show one
  parley healthcheck                    whether a running service serves, for probes

  curl localhost:8080/v1/chat/completions -H 'content-type: application/json' \\
    -d '{"messages":[{"role":"user","content":"Why is the sky blue?"}]}'

README.md has an example for each protocol and the whole configuration.
Exit codes: 0 all well, 1 a failure, 2 a mistake on the command line or in the configuration.`;

/** Runs the command line and answers with the exit code. Mistakes and failures are one line on standard error. */
export async function main(args: readonly string[], host: Host = processHost()): Promise<number> {
  let exitCode = 0;
  try {
    await program(host, (code) => (exitCode = code)).parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return report(error, host);
  }
}

function processHost(): Host {
  return { variables: processVariables(), out: process.stdout, err: process.stderr };
}

function program(host: Host, done: (exitCode: number) => void): Command {
  const parley = new Command("parley")
    .description("LLM inference over one typed contract: gRPC, gRPC-Web, Connect and OpenAI's REST on one port")
    .version(packageVersion, "-v, --version", "print the version")
    .addHelpText("after", guide)
    .addCommand(serveCommand(host, done))
    .addCommand(modelsCommand(host, done))
    .addCommand(keysCommand(host, done))
    .addCommand(healthcheckCommand(host, done))
    .addCommand(
      new Command("generate").description("renew .env.example and the README's tables from the source").action(() => generate(host)),
      { hidden: true },
    );
  return speakThrough(parley, host);
}

/** Commands print to the host and throw instead of ending the process; those below inherit neither by themselves. */
function speakThrough(command: Command, host: Host): Command {
  const names = [...ancestorsOf(command), command].map((each) => each.name());
  command
    .exitOverride()
    .showHelpAfterError(`(\`${names.join(" ")} --help\` says what there is)`)
    .configureOutput({ writeOut: (text) => host.out.write(text), writeErr: (text) => host.err.write(text) });
  for (const below of command.commands) speakThrough(below, host);
  return command;
}

function ancestorsOf({ parent }: Command): readonly Command[] {
  return parent === null ? [] : [...ancestorsOf(parent), parent];
}

function report(error: unknown, { err, variables }: Host): number {
  const isOurs = error instanceof ConnectError;
  const isDebug = variables["LLM_DEBUG"] === "true" || /^(debug|trace)$/i.test(variables["LLM_LOG_LEVEL"] ?? "");
  const message = isOurs ? error.rawMessage : errorText(error);
  err.write(`parley: ${message}\n`);
  if (isDebug && error instanceof Error) err.write(`${error.stack}\n`);
  return isOurs && reasonOf(error) === "invalid_request" ? 2 : 1;
}
