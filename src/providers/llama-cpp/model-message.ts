import type { Model } from "../../../gen/parley/v1/models_pb.ts";
import { modelOfFile } from "../../core/model-message.ts";
import type { ModelFile } from "../../core/ports.ts";
import type { ModelStatus } from "./model-states.ts";

/** What is said of a model file and its engine. */
export function modelMessage(provider: string, file: ModelFile, { state, problem, about }: ModelStatus, memoryBytes?: number): Model {
  return modelOfFile(file, { provider, state, problem, memoryBytes, contextLength: about?.contextLength });
}
