import { join } from "node:path";
import {
  credentials,
  loadPackageDefinition,
  Metadata,
  type ChannelCredentials,
  type ChannelOptions,
  type ClientReadableStream,
  type GrpcObject,
  type ServiceClientConstructor,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { failureOf } from "./collect-events.ts";

// A client that knows the .proto files and nothing else of ours, as one in any language does.

const folder = join(import.meta.dirname, "..", "..", "proto");
const options = { keepCase: true, includeDirs: [folder], longs: Number, enums: String, defaults: true, oneofs: true };
const names = ["chat", "embeddings", "models", "providers", "rerank", "tokens"];
const protos = [...names.map((name) => `parley/v1/${name}.proto`), "grpc/health/v1/health.proto"];
const files = loadPackageDefinition(loadSync(protos, options));

/** A client of one service. */
export type Client = InstanceType<ServiceClientConstructor>;

/** A message by the names of the .proto files. */
export type Message = Readonly<Record<string, unknown>>;

/** How a client connects: without TLS, unless its credentials say otherwise; the rest is the channel's. */
type Connecting = ChannelOptions & { readonly shown?: ChannelCredentials };

/** A client of a service, by its full name, on a port of this machine. */
export function grpcJsClient(port: number, name: string, { shown = credentials.createInsecure(), ...channel }: Connecting = {}): Client {
  const found = name.split(".").reduce<unknown>((at, part) => (at as GrpcObject)[part], files) as ServiceClientConstructor;
  return new found(`127.0.0.1:${port}`, shown, channel);
}

type UnaryMethod = (
  message: Message,
  metadata: Metadata,
  options: object,
  done: (error: ServiceError | null, answer: Message) => void,
) => unknown;

/** Calls a method that has one answer. */
// oxlint-disable-next-line max-params -- a call is of a client, by a name, with a message
export function call(client: Client, method: string, message: Message, callOptions = {}): Promise<{ answer: Message }> {
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null, answer: Message) => (error === null ? resolve({ answer }) : reject(error));
    (client[method] as unknown as UnaryMethod).call(client, message, new Metadata(), callOptions, done);
  });
}

/** Calls a method that answers with a stream. */
export function stream(client: Client, method: string, message: Message): ClientReadableStream<Message> {
  return (client[method] as unknown as (message: Message) => ClientReadableStream<Message>).call(client, message);
}

/** All messages of a stream. */
export function read(messages: ClientReadableStream<Message>, see: (message: Message) => void = () => {}): Promise<Message[]> {
  const all: Message[] = [];
  return new Promise((resolve, reject) => {
    messages.on("data", (message: Message) => {
      all.push(message);
      see(message);
    });
    messages.on("error", reject);
    messages.on("end", () => resolve(all));
  });
}

/** What a call failed with. */
export async function failure(work: Promise<unknown>): Promise<ServiceError> {
  return (await failureOf(work, Error)) as ServiceError; // an interface: it has no class
}
