import { fromBinary, toBinary, create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { Command } from "commander";
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
  HealthCheckResponse_ServingStatusSchema as statuses,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { loadConfig } from "../config.ts";
import type { Settings } from "../config/settings.ts";
import { fault } from "../core/reasons.ts";
import type { Host } from "./host.ts";

interface Flags {
  readonly address?: string;
  readonly service: string;
  readonly timeout: string;
  readonly config?: string;
}

/** Where a health check asks, and for what. */
interface HealthQuestion {
  /** `host:port`. */
  readonly address: string;
  /** Empty: the service as a whole; else a service's full name, or `model:ID`. */
  readonly service: string;
  readonly timeoutMs: number;
}

const defaultSeconds = 3;

const help = `
Asks grpc.health.v1.Health over gRPC, without TLS and without a key: on the port for probes (LLM_ADMIN_PORT) where there is one,
else on the service's own. It reads the same variables as \`parley serve\`; a service that was started by flags or a file is named
by --address or --config.

Examples:
  parley healthcheck                                   whether requests should be sent to the service on this machine
  parley healthcheck --service model:smollm2-135m-instruct
  parley healthcheck --address 127.0.0.1:9090 --timeout 1

Exit codes: 0 it serves, 1 it does not or cannot be asked, 2 a mistake on the command line or in the configuration.`;

/** `parley healthcheck`; `done` is told the exit code. */
export function healthcheckCommand(host: Host, done: (exitCode: number) => void): Command {
  return new Command("healthcheck")
    .description("ask a running service whether it serves")
    .option("--address <host:port>", "where to ask (default: by the configuration)")
    .option("--service <name>", "a service's full name, or model:ID (default: the service as a whole)", "")
    .option("--timeout <seconds>", "how long the answer may take", String(defaultSeconds))
    .option("--config <file>", "configuration, YAML or JSON")
    .addHelpText("after", help)
    .action(async (flags: Flags) => {
      const question = { address: addressOf(flags, host), service: flags.service, timeoutMs: timeoutMsFrom(flags.timeout) };
      const answer = await askHealth(question);
      (answer.isServing ? host.out : host.err).write(`${question.address}: ${answer.text}\n`);
      done(answer.isServing ? 0 : 1);
    });
}

function addressOf({ address, config }: Flags, { variables }: Host): string {
  if (address !== undefined) {
    if (!/^(\[[0-9a-f:.]+\]|[a-z0-9.-]+):\d{1,5}$/i.test(address))
      throw fault("invalid_request", "--address: is no host:port such as 127.0.0.1:9090");
    return address;
  }
  return probeAddress(loadConfig({ file: config, environment: variables, flags: {} }).settings);
}

/** Where a configured service answers probes, for who asks on its machine. */
function probeAddress({ host, port, adminPort, tls }: Settings): string {
  const asked = adminPort ?? port;
  if (asked === 0) throw fault("invalid_request", "the configured port is any free one: name the service by --address");
  if (adminPort === undefined && tls !== undefined)
    throw fault("invalid_request", "the port speaks TLS: set LLM_ADMIN_PORT, a port of its own for probes, or name one by --address");
  if (host === "0.0.0.0") return `127.0.0.1:${asked}`;
  if (host === "::") return `[::1]:${asked}`;
  return host.includes(":") ? `[${host}]:${asked}` : `${host}:${asked}`;
}

function timeoutMsFrom(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds <= 3600))
    throw fault("invalid_request", "--timeout: must be a number of seconds, more than 0 and at most 3600");
  return seconds * 1000;
}

/** Asks a service how it is. A service that does not answer is not serving. */
async function askHealth({ address, service, timeoutMs }: HealthQuestion): Promise<{ readonly isServing: boolean; readonly text: string }> {
  const { Client, credentials } = await import("@grpc/grpc-js");
  const client = new Client(address, credentials.createInsecure(), { "grpc.enable_http_proxy": 0, "grpc.enable_retries": 0 });
  const { input, output } = Health.method.check;
  const options = { deadline: Date.now() + timeoutMs };
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(
        `/${Health.typeName}/Check`,
        writer(input),
        reader(output),
        create(input, { service }),
        options,
        (error, answer) => {
          if (error !== null) return resolve({ isServing: false, text: error.details === "" ? error.message : error.details });
          const status = answer?.status ?? Status.UNKNOWN;
          resolve({ isServing: status === Status.SERVING, text: statuses.value[status]?.name ?? String(status) });
        },
      );
    });
  } finally {
    client.close();
  }
}

function writer<Desc extends DescMessage>(schema: Desc): (message: MessageShape<Desc>) => Buffer {
  return (message) => Buffer.from(toBinary(schema, message));
}

function reader<Desc extends DescMessage>(schema: Desc): (bytes: Buffer) => MessageShape<Desc> {
  return (bytes) => fromBinary(schema, bytes);
}
