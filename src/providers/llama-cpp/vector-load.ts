import type { ModelFile } from "../../core/ports.ts";
import type { EngineLoad } from "../../engine/protocol.ts";

/** Unless a load says otherwise: an encoder reads its input in one piece, and the memory for that grows with the square of its length. */
const defaultContextLength = 2048;
/** The library begins to drop tokens shortly before a context is full. */
const spareTokens = 8;
/** Each context has buffers of its own. */
const mostContexts = 8;

/** The load of a model by what it is for: one that makes vectors or ranks has no sequences but contexts of its own, which read a whole input in one decode each. As many compute side by side as there are threads. */
export function purposefulLoad({ purpose, trainedContextLength = Infinity }: ModelFile, load: EngineLoad): EngineLoad {
  if (purpose === "chat") return load;
  const contextLength = Math.min(load.contextLength ?? defaultContextLength, trainedContextLength);
  const sequences = load.sequences ?? Math.min(load.threads, mostContexts);
  return { ...load, purpose, contextLength, sequences, batchTokens: contextLength + spareTokens };
}

/** Threads of libuv: as many as contexts compute side by side. In a process that chats idle compute threads of a second one would spin against those of the first. */
export function libuvThreads({ purpose = "chat", sequences = 1 }: EngineLoad): number {
  return purpose === "chat" ? 1 : sequences;
}
