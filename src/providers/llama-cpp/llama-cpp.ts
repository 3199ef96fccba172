import { create } from "@bufbuild/protobuf";
import type { ChatEvent, ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { CountTokensResponseSchema, type CountTokensRequest, type CountTokensResponse } from "../../../gen/parley/v1/tokens_pb.ts";
import type { CallContext } from "../../core/context.ts";
import type { Provider } from "../../core/ports.ts";
import { fault, fieldsFault } from "../../core/reasons.ts";
import { once } from "../../core/stream.ts";
import { answer } from "./answer.ts";
import { llamaCppFields } from "./fields.ts";
import { LocalEngines, type LocalEnginesOptions } from "./local-engines.ts";
import { refuseHopeless } from "./prompt-bound.ts";
import { enginePrompt, engineRequest } from "./request.ts";

/** What the provider of local models needs. */
export interface LlamaCppOptions extends Omit<LocalEnginesOptions, "provider"> {
  /** Most tokens of an answer whose request does not say; absent: what the context leaves. */
  readonly defaultMaxTokens?: number | undefined;
  /** Temperature of a request that does not say; absent: 0.8, as llama.cpp's server has it. */
  readonly defaultTemperature?: number | undefined;
}

const name = "llama-cpp";

/** Serves the model files of this machine with llama.cpp, one child process a model. A model is loaded at its first request. */
export function llamaCpp({ defaultMaxTokens, defaultTemperature, ...options }: LlamaCppOptions): Provider {
  const engines = new LocalEngines({ ...options, provider: name });
  const defaults = { maxTokens: defaultMaxTokens, temperature: defaultTemperature };

  async function* generate(request: ChatRequest, { signal, caller }: CallContext): AsyncGenerator<ChatEvent, void, undefined> {
    refuseOwnOptions(request);
    const asked = engineRequest(request, defaults, caller.tenant);
    const { engine, about, loadMs, release } = await engines.lease(request.model, signal);
    try {
      refuseHopeless(asked.prompt, about);
      yield* answer(engine.generate(asked, signal), { provider: name, model: request.model, loadMs });
    } finally {
      release();
    }
  }

  const count = async ({ chat }: CountTokensRequest, { signal }: CallContext): Promise<CountTokensResponse> => {
    if (chat === undefined) throw fault("invalid_request", "chat: it is required");
    refuseOwnOptions(chat);
    const prompt = enginePrompt(chat);
    const { engine, about, release } = await engines.lease(chat.model, signal);
    try {
      refuseHopeless(prompt, about);
      const { promptTokens } = await engine.ask({ type: "count", prompt }, signal);
      return create(CountTokensResponseSchema, { promptTokens, model: chat.model, contextLength: about.contextLength });
    } finally {
      release();
    }
  };

  return {
    name,
    fields: llamaCppFields,
    generate,
    countTokens: (request, context) => once(() => count(request, context)),
    listModels: async () => engines.list(),
    local: engines,
    close: () => engines.close(),
  };
}

/** Options that are keyed with our name must be known here, and none is. */
function refuseOwnOptions(request: ChatRequest): void {
  const options = [
    ["provider_options", request.providerOptions] as const,
    ...request.messages.map((message, index) => [`messages[${index}].provider_options`, message.providerOptions] as const),
  ];
  const fields = options
    .filter(([, value]) => value !== undefined && Object.hasOwn(value, name))
    .map(([field]) => ({ field, description: "local models know no options of their own" }));
  if (fields.length > 0) throw fieldsFault("unsupported_field", fields, { provider: name });
}
