import { isLatest, withoutLatest } from "../../../dialects/ollama/names.ts";
import type { Doors } from "../../exchange.ts";

/** The name by which everybody else knows a model that a client of Ollama's names: the tag `latest` is said by all of them and, as a rule, by nobody else. Nobody waits for it. */
export type PlainName = (name: string) => string;

/** Makes the one of a service. */
export function plainNames({ service: { models } }: Pick<Doors, "service">): PlainName {
  return (name) => (isLatest(name) && !models.isKnown(name) ? withoutLatest(name) : name);
}
