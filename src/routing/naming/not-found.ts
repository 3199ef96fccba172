import type { ConnectError } from "@connectrpc/connect";
import type { Library, ModelPurpose } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";
import { usableFor } from "./defaults.ts";

const kinds: Readonly<Record<ModelPurpose, string>> = { chat: "", embed: "embedding ", rerank: "reranking " };

/** What stands behind the service, by names. */
interface Known {
  readonly local: { readonly name: string };
  readonly echo: { readonly name: string };
  readonly upstreams: readonly { readonly name: string }[];
}

/** Makes the error of a provider that there is not. */
export function unknownProvider(provider: string, { local, echo, upstreams }: Known): ConnectError {
  const names = [local, echo, ...upstreams].map(({ name }) => name);
  const list = `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  return fault("provider_not_found", `there is no provider "${provider}"; there are ${list}`, { metadata: { provider } });
}

/** Makes the error of a model that another provider has than the one that was named. */
export function notThere(model: string, provider: string, has: string): ConnectError {
  return fault("model_not_found", `provider "${provider}" has no model "${model}"; ${has} has`, { metadata: { model } });
}

/** Makes the error of a request that names no model where none stands in. */
export function noDefault(of: {
  readonly library: Pick<Library, "list">;
  readonly provider: string;
  readonly purpose: ModelPurpose;
}): ConnectError {
  const several = usableFor(of.purpose, of.library).map(({ id }) => id);
  const advice =
    several.length > 1
      ? `name one of ${several.slice(0, 10).join(", ")}`
      : "add a GGUF file to the model folder, pull one with `parley models pull`, or name a model";
  return fault("model_not_found", `there is no default ${kinds[of.purpose]}model: ${advice}`);
}

/** Makes the error of a name that leads nowhere. */
export function notFound(library: Pick<Library, "catalog">, name: string): ConnectError {
  const isInCatalog = library.catalog().some(({ id }) => id === name);
  const advice = isInCatalog
    ? `it is in the catalog: bring it with \`parley models pull ${name}\``
    : "list what there is with GET /v1/models or `parley models list`";
  return fault("model_not_found", `there is no model "${name}"; ${advice}`, { metadata: { model: name } });
}
