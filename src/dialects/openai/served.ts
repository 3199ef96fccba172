import type { ServedBy } from "../../../gen/parley/v1/usage_pb.ts";

/** Who served an answer, as headers of an answer that comes whole; names in lower case. */
export function servedHeaders(served: ServedBy | undefined): Record<string, string> {
  if (served === undefined) return {};
  const { provider, model, attempts, retries, fallback, hedged, splices } = served;
  return {
    "x-parley-provider": plain(provider),
    "x-parley-model": plain(model),
    "x-parley-attempts": String(attempts),
    "x-parley-retries": String(retries),
    "x-parley-fallback": String(fallback),
    ...(hedged && { "x-parley-hedged": "true" }),
    ...(splices.length > 0 && { "x-parley-splices": String(splices.length) }),
  };
}

/** The same in a comment of a stream, which clients skip: `: parley-served x-parley-provider=openai x-parley-attempts=1 ...`. */
export function servedComment(served: ServedBy | undefined): string {
  const facts = Object.entries(servedHeaders(served)).map(([name, value]) => `${name}=${value}`);
  return facts.length === 0 ? "" : `: parley-served ${facts.join(" ")}\n\n`;
}

const visible = /^[\u0021-\u007e]*$/u;

/** A name as header values may hold it: visible ASCII, all else escaped as in URLs. */
function plain(name: string): string {
  if (visible.test(name)) return name;
  return name.replaceAll(/[^\u0021-\u007e]/gu, (character) => encodeURIComponent(character.toWellFormed()));
}
