import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Capability, ModelSchema, ModelState, type Model } from "../../gen/parley/v1/models_pb.ts";
import type { ModelFile, ModelPurpose } from "./ports.ts";

/** What its file does not say of a model. */
export interface ModelFacts {
  /** Name of the provider that serves it. */
  readonly provider: string;
  /** Default: on disk. A file that cannot be loaded has failed, whatever is said here. */
  readonly state?: ModelState;
  /** Why it failed; empty when it did not. */
  readonly problem?: string;
  /** While it is loaded. */
  readonly memoryBytes?: number | undefined;
  /** Tokens of one request while it is loaded. */
  readonly contextLength?: number | undefined;
}

/** What can be done with models by what they were made for. Every chat model calls tools: where its template knows none they are said in words, and a forced call is held by a grammar. */
const capabilities: Readonly<Record<ModelPurpose, readonly Capability[]>> = {
  chat: [Capability.CHAT, Capability.TOOLS],
  embed: [Capability.EMBED],
  rerank: [Capability.RERANK],
};

/** A model file as the contract's message. One that cannot be loaded can do nothing, and an adapter nothing by itself. */
export function modelOfFile(file: ModelFile, facts: ModelFacts): Model {
  const { provider, state = ModelState.ON_DISK, problem = "", memoryBytes, contextLength = file.trainedContextLength } = facts;
  const isBroken = isBrokenFile(file);
  return create(ModelSchema, {
    id: file.id,
    title: file.title,
    provider,
    state: isBroken ? ModelState.FAILED : state,
    problem: isBroken ? file.problem : problem,
    sizeBytes: BigInt(file.sizeBytes),
    ...(memoryBytes !== undefined && { memoryBytes: BigInt(memoryBytes) }),
    ...(contextLength !== undefined && { contextLength }),
    capabilities: file.problem !== "" ? [] : [...capabilities[file.purpose]],
    licence: file.licence,
    created: timestampFromMs(file.modifiedMs),
    ownedBy: "local",
    sha256: file.sha256,
    aliases: [...file.aliases],
  });
}

/** What is the matter with an adapter is only that it is no model. */
function isBrokenFile({ problem, isAdapter = false }: ModelFile): boolean {
  return problem !== "" && !isAdapter;
}
