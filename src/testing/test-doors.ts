import { create } from "@bufbuild/protobuf";
import { FinishReason, type ChatEvent, type ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { ModelSchema, ModelState, type Model } from "../../gen/parley/v1/models_pb.ts";
import { CountTokensResponseSchema } from "../../gen/parley/v1/tokens_pb.ts";
import { UsageSource } from "../../gen/parley/v1/usage_pb.ts";
import type { CallContext } from "../core/context.ts";
import { accepted, completed, finished, started, text } from "../core/events.ts";
import { healthBoard, type HealthBoard } from "../routing/health-board.ts";
import { defaultLimits, type Limits } from "../core/limits.ts";
import type { Models, Service, UnaryWork } from "../core/ports.ts";
import { fault } from "../core/reasons.ts";
import type { ProviderReport } from "../core/provider-report.ts";
import { once } from "../core/stream.ts";
import { listen, type Listener, type ListenOptions } from "../api/listen.ts";
import { recordingLog, type LogLine } from "./recording-log.ts";

/** The inside of a chat, for tests of what is around it. */
export type Script = (request: ChatRequest, context: CallContext) => AsyncIterable<ChatEvent>;

/** A listener over a scripted service, and what it saw. */
export interface TestDoors extends Listener {
  readonly url: string;
  readonly health: HealthBoard;
  readonly log: readonly LogLine[];
  /** Contexts of the calls that reached the service, in order. */
  readonly calls: readonly CallContext[];
  readonly requests: readonly ChatRequest[];
}

/** Models that the scripted service has. */
const testModels: readonly Model[] = ["org/big:7b", "tiny", "tiny-2"].map((id) =>
  create(ModelSchema, { id, state: ModelState.READY, ownedBy: "local", provider: "test", isDefault: id === "tiny", contextLength: 2048 }),
);

/** What stands behind the scripted service. */
const testProviders: readonly ProviderReport[] = [
  { name: "openai", kind: "openai", isAvailable: false, breaker: "open", errorRate: 0.75 },
  { name: "echo", kind: "echo", isAvailable: true, breaker: undefined, errorRate: undefined },
];

/** The events of a short answer: what `words` says, a piece at a time. */
function* answer(words: readonly string[], model = "tiny"): Generator<ChatEvent> {
  yield accepted({ id: "chatcmpl-1", model, createdMs: 1_700_000_000_000 });
  yield started("test", model);
  for (const word of words) yield text(0, word);
  yield finished(0, FinishReason.STOP);
  yield done(words.length);
}

/** The last event of an answer. */
export function done(completionTokens: number): ChatEvent {
  return completed({
    usage: { $typeName: "parley.v1.Usage", promptTokens: 3, completionTokens, source: UsageSource.PROVIDER },
    servedBy: {
      $typeName: "parley.v1.ServedBy",
      provider: "test",
      model: "tiny",
      attempts: 1,
      retries: 0,
      fallback: false,
      cacheHit: false,
      rateLimited: false,
      splices: [],
      hedged: false,
    },
  });
}

/** Answers with fixed words. */
export function saying(...words: readonly string[]): Script {
  return async function* said({ model }) {
    yield* answer(words, model === "" ? "tiny" : model);
  };
}

/** A script that throws. */
export function failing(error: unknown): Script {
  // oxlint-disable-next-line require-yield -- it fails before its first event
  return async function* failed() {
    throw error;
  };
}

/** Opens the doors over a script on a free port. */
export async function openDoors(
  script: Script,
  options: Partial<Omit<ListenOptions, "limits">> & { limits?: Partial<Limits> } = {},
): Promise<TestDoors> {
  const health = healthBoard(["parley.v1.ChatService"]);
  health.setNotReadyBecause("");
  const { log, lines } = recordingLog();
  const calls: CallContext[] = [];
  const requests: ChatRequest[] = [];
  const service: Service = {
    generate(request, context) {
      requests.push(request);
      calls.push(context);
      return script(request, context);
    },
    countTokens: (_request, context) =>
      once(async () => (calls.push(context), create(CountTokensResponseSchema, { promptTokens: 7, model: "tiny" }))),
    ...notScripted,
    models: testModelPort,
    providers: { list: () => testProviders, defaultProvider: () => "openai" },
    health,
    about: { name: "parley", version: "0.0.0-test" },
  };
  const limits = { ...defaultLimits, ...options.limits };
  const listener = await listen({ service, log, host: "127.0.0.1", port: 0, ...options, limits });
  return { ...listener, url: listener.urls[0] ?? "", health, log: lines, calls, requests };
}

const notInScript = () =>
  once<never>(async () => {
    throw fault("unimplemented", "the script of this test has no such work");
  });

const notScripted: Omit<UnaryWork, "countTokens"> = {
  renderPrompt: notInScript,
  tokenize: notInScript,
  detokenize: notInScript,
  embed: notInScript,
  rerank: notInScript,
  warmPrompt: notInScript,
};

const testModelPort: Models = {
  list: async () => testModels,
  isKnown: (name) => testModels.some(({ id }) => id === name),
  get: async (name) => modelNamed(name),
  async *load(name) {
    yield { $typeName: "parley.v1.LoadModelResponse", model: modelNamed(name), fractionDone: 1 };
  },
  unload: async (name) => modelNamed(name),
  async *pull(id) {
    throw fault("model_not_found", `model "${id}" is not in the catalog`);
  },
  remove: async () => 42,
  setDefault: async (name) => ({ model: modelNamed(name), previous: "tiny" }),
  facts: () => undefined,
  keep() {},
  metadata: async () => undefined,
};

function modelNamed(name: string): Model {
  const model = testModels.find(({ id }) => id === (name === "" ? "tiny" : name));
  if (model === undefined) throw fault("model_not_found", `model "${name}" is not known`, { metadata: { model: name } });
  return model;
}
