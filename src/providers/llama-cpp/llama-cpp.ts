import type { ChatEvent, ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import type { CallContext } from "../../core/context.ts";
import type { Provider } from "../../core/ports.ts";
import { opened } from "../../core/opened.ts";
import { once } from "../../core/stream.ts";
import { answer } from "./answer.ts";
import { embed } from "./embed.ts";
import { llamaCppFields } from "./fields.ts";
import { LocalEngines, type LocalEnginesOptions } from "./local-engines.ts";
import { providerName, refuseOwnChatOptions } from "./own-options.ts";
import { refuseHopeless } from "./prompt-bound.ts";
import { engineRequest } from "./request.ts";
import { rerank } from "./rerank.ts";
import { countTokens, detokenize, renderPrompt, tokenize, warmPrompt } from "./tokens.ts";

/** What the provider of local models needs. */
export interface LlamaCppOptions extends Omit<LocalEnginesOptions, "provider"> {
  /** Most tokens of an answer whose request does not say; absent: what the context leaves. */
  readonly defaultMaxTokens?: number | undefined;
  /** Temperature of a request that does not say; absent: 0.8, as llama.cpp's server has it. */
  readonly defaultTemperature?: number | undefined;
}

const name = providerName;

/** Serves the model files of this machine with llama.cpp, one child process a model. A model is loaded at its first request. */
export function llamaCpp({ defaultMaxTokens, defaultTemperature, ...options }: LlamaCppOptions): Provider {
  const engines = new LocalEngines({ ...options, provider: name });
  const defaults = { maxTokens: defaultMaxTokens, temperature: defaultTemperature };

  const generate = (request: ChatRequest, { signal, caller }: CallContext): AsyncIterable<ChatEvent> =>
    opened(async () => {
      refuseOwnChatOptions(request);
      const asked = engineRequest(request, defaults, caller.tenant);
      const { engine, about, loadMs, release } = await engines.lease(request.model, signal);
      try {
        refuseHopeless(asked.prompt, about);
      } catch (error) {
        release();
        throw error;
      }
      return { stream: answer(engine.generate(asked, signal), { provider: name, model: request.model, loadMs }), close: release };
    });

  return {
    name,
    fields: llamaCppFields,
    canContinue: true,
    generate,
    countTokens: (request, context) => once(() => countTokens(engines, request, context)),
    renderPrompt: (request, context) => once(() => renderPrompt(engines, request, context)),
    tokenize: (request, context) => once(() => tokenize(engines, request, context)),
    detokenize: (request, context) => once(() => detokenize(engines, request, context)),
    embed: (request, context) => once(() => embed(engines, request, context)),
    rerank: (request, context) => once(() => rerank(engines, request, context)),
    warmPrompt: (request, context) => once(() => warmPrompt(engines, request, context)),
    listModels: async () => engines.list(),
    local: engines,
    close: () => engines.close(),
  };
}
