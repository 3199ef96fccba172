import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Capability, ModelSchema, ModelState, type Model } from "../../../gen/parley/v1/models_pb.ts";
import type { ModelFile } from "../../core/ports.ts";
import type { ModelStatus } from "./model-engine.ts";

/** What is said of a model file and its engine. */
export function modelMessage(provider: string, file: ModelFile, { state, problem, about }: ModelStatus): Model {
  const contextLength = about?.contextLength ?? file.trainedContextLength;
  const isBroken = file.problem !== "";
  return create(ModelSchema, {
    id: file.id,
    title: file.title,
    provider,
    state: isBroken ? ModelState.FAILED : state,
    problem: isBroken ? file.problem : problem,
    sizeBytes: BigInt(file.sizeBytes),
    ...(about !== undefined && { memoryBytes: BigInt(about.memoryBytes) }),
    ...(contextLength !== undefined && { contextLength }),
    capabilities: [file.purpose === "embed" ? Capability.EMBED : Capability.CHAT],
    licence: file.licence,
    created: timestampFromMs(file.modifiedMs),
    ownedBy: "local",
    sha256: file.sha256,
    aliases: [...file.aliases],
  });
}
