import { once } from "node:events";
import { join } from "node:path";
import {
  loadPackageDefinition,
  Metadata,
  Server,
  ServerCredentials,
  type GrpcObject,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceClientConstructor,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { milestones } from "./milestones.ts";

// Another Parley as grpc-js would play it, which knows the .proto files and nothing else of ours.

const folder = join(import.meta.dirname, "..", "..", "..", "proto");
const options = { keepCase: true, includeDirs: [folder], longs: Number, enums: String, defaults: false, oneofs: true };
const names = ["chat", "embeddings", "models", "rerank", "tokens"];
const files = loadPackageDefinition(
  loadSync(
    names.map((name) => `parley/v1/${name}.proto`),
    options,
  ),
);

/** A message by the names of the .proto files. */
export type PlayedMessage = Readonly<Record<string, unknown>>;

/** One call that it has received. */
export interface SeenCall {
  readonly method: string;
  readonly message: PlayedMessage;
  readonly metadata: Metadata;
  /** When its caller gives it up, ms since the epoch; Infinity: never. */
  readonly deadlineMs: number;
}

/** How a call is answered: with messages, each when its promise resolves; throwing ends it with that status. */
export type Play = (call: SeenCall) => AsyncIterable<PlayedMessage> | Iterable<PlayedMessage>;

/** Another Parley that says what a test tells it to say. */
export interface ScriptedParley {
  readonly port: number;
  readonly calls: readonly SeenCall[];
  /** The nth call, from 1, has come. */
  called(number: number): Promise<SeenCall>;
  /** The nth call was cancelled by its caller. */
  cancelled(number: number): Promise<void>;
  /** Breaks every connection. */
  close(): void;
}

/** The status of a call that fails; `details` are the bytes of a `google.rpc.Status`. */
export class PlayedError extends Error {
  readonly code: number;
  readonly metadata = new Metadata();

  constructor(code: number, message: string, details?: Buffer) {
    super(message);
    this.code = code;
    if (details !== undefined) this.metadata.set("grpc-status-details-bin", details);
  }
}

/** Starts one on a free port, in this process. */
export async function startScriptedParley(play: Play, credentials = ServerCredentials.createInsecure()): Promise<ScriptedParley> {
  const server = new Server({ "grpc.max_receive_message_length": -1 });
  const calls: SeenCall[] = [];
  const called = milestones<SeenCall>();
  const cancelled = milestones<void>();
  const note = (method: string, asked: Pick<ServerUnaryCall<unknown, unknown>, "request" | "metadata" | "getDeadline">) => {
    const { request, metadata } = asked;
    const call = { method, message: request as PlayedMessage, metadata, deadlineMs: Number(asked.getDeadline()) };
    called.reach(calls.push(call), call);
    return { call, number: calls.length };
  };
  const streaming = (method: string) => (stream: ServerWritableStream<unknown, unknown>) => {
    const { call, number } = note(method, stream);
    stream.on("cancelled", () => cancelled.reach(number));
    void speak(stream, play(call));
  };
  const unary = (method: string) => (asked: ServerUnaryCall<unknown, unknown>, done: sendUnaryData<unknown>) => {
    const { call, number } = note(method, asked);
    asked.on("cancelled", () => cancelled.reach(number));
    void answer(play(call), done);
  };
  for (const [name, { service }] of services()) {
    const implementation: UntypedServiceImplementation = {};
    for (const [method, { responseStream }] of Object.entries(service))
      implementation[method] = responseStream ? streaming(`${name}/${method}`) : unary(`${name}/${method}`);
    server.addService(service, implementation);
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return { port, calls, called: called.reached, cancelled: cancelled.reached, close: () => server.forceShutdown() };
}

function services(): (readonly [string, ServiceClientConstructor])[] {
  const found = (files["parley"] as GrpcObject)["v1"] as GrpcObject;
  return Object.entries(found).flatMap(([name, value]) => ("service" in value ? [[name, value as ServiceClientConstructor] as const] : []));
}

async function speak(stream: ServerWritableStream<unknown, unknown>, messages: ReturnType<Play>): Promise<void> {
  try {
    for await (const message of messages) if (!stream.write(message)) await once(stream, "drain");
    stream.end();
  } catch (error) {
    stream.emit("error", error);
  }
}

async function answer(messages: ReturnType<Play>, done: sendUnaryData<unknown>): Promise<void> {
  try {
    for await (const message of messages) return done(null, message);
  } catch (error) {
    done(error as PlayedError);
  }
}
