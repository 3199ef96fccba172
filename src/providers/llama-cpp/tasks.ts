import type { ModelFile, ModelPurpose } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";

/** What a model is asked to do; `anything`: what every model can, such as being loaded and making tokens. */
export type Task = ModelPurpose | "anything";

const does: Readonly<Record<ModelPurpose, string>> = {
  chat: "has no head that ranks documents",
  embed: "makes vectors and does nothing else",
  rerank: "ranks documents and does nothing else",
};

const advice: Readonly<Record<ModelPurpose, string>> = {
  chat: "choose a chat model",
  embed: "choose an embedding or a chat model",
  rerank: "choose a reranking model",
};

/** Refuses a model that cannot be loaded, or cannot do the task. A model that chats makes vectors too. */
export function refuseUnfit({ id, problem, purpose, isAdapter }: ModelFile, task: Task): void {
  if (isAdapter === true)
    throw fault("model_state", `"${id}" is a LoRA adapter and no model: load the model it was made for with lora_adapters`);
  if (problem !== "") throw fault("engine_failed", `model "${id}" cannot be loaded: ${problem}`);
  if (task === "anything" || task === purpose || (task === "embed" && purpose === "chat")) return;
  throw fault("model_state", `model "${id}" ${does[purpose]}: ${advice[task]}`);
}
