import { isLatest, withoutLatest } from "../../../dialects/ollama/names.ts";
import type { Doors } from "../../exchange.ts";

/** The name by which everybody else knows a model that a client of Ollama's names: the tag `latest` is said by all of them and, as a rule, by nobody else. */
export type PlainName = (name: string) => string | Promise<string>;

/** Ids that end in the tag are looked for at most once in so many ms: clients say it with every call. */
const keptMs = 1000;

/** Makes the one of a service. */
export function plainNames({ service, clock }: Pick<Doors, "service" | "clock">): PlainName {
  let untilMs = -Infinity;
  let tagged: ReadonlySet<string> | undefined;
  let looking: Promise<ReadonlySet<string>> | undefined;

  const look = async (): Promise<ReadonlySet<string>> => {
    const models = await service.models.list({ includeCatalog: false, signal: new AbortController().signal });
    tagged = new Set(models.flatMap(({ id, aliases }) => [id, ...aliases].filter(isLatest)));
    untilMs = clock.now() + keptMs;
    return tagged;
  };
  const known = (): ReadonlySet<string> | Promise<ReadonlySet<string>> => {
    if (tagged !== undefined && clock.now() < untilMs) return tagged;
    looking ??= look().finally(() => (looking = undefined));
    return looking;
  };
  const plain = (name: string, ids: ReadonlySet<string>) => (ids.has(name) ? name : withoutLatest(name));

  return (name) => {
    if (!isLatest(name)) return name;
    const ids = known();
    return ids instanceof Promise ? ids.then((found) => plain(name, found)) : plain(name, ids);
  };
}
