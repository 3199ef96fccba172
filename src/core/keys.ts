import type { Caller } from "./context.ts";

/** What keys may be allowed, by the words that stand in a key's list; beside them stand names of services, RPCs and routes. */
export const scopes = {
  all: "everything but management",
  admin: "everything, management of models too",
  chat: "chats, and warming of their prompts",
  tokens: "counting, splitting and joining of tokens, and prompts as models read them",
  embed: "embeddings",
  rerank: "ranking of documents",
  models: "what models there are",
  providers: "what stands behind the service",
  metrics: "the metrics page",
} as const satisfies Readonly<Record<string, string>>;

/** A word for what a key allows. */
export type Scope = keyof typeof scopes;

/** Whether a word is a scope. */
export function isScope(word: string): word is Scope {
  return Object.hasOwn(scopes, word);
}

/** Why a key that was shown is nobody's: there is no such key, it cannot be one, its time is over, or it was taken back. */
export type KeyProblem = "unknown" | "malformed" | "expired" | "revoked";

/** The keys of callers. What they are changes while the service runs. */
export interface Keys {
  /** Whether there are any: then whoever calls must show one. */
  readonly isLocked: boolean;
  /** Whose a key is; what is shown may be anything. */
  find(key: string, isLoopback: boolean): Caller | KeyProblem;
}

/** Whether a caller may use a model of these names: its id and aliases. */
export function mayUse({ models }: Pick<Caller, "models">, names: readonly string[]): boolean {
  return models === undefined || names.some((name) => models.includes(name));
}
