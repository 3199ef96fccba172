import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { LoadedModel } from "../model.ts";
import type { EngineLoad } from "../protocol/load.ts";

/** What states on disk are bound to: another model, context or library must not read them, and would crash on some. */
export function stateBinding(
  { model, about, sequences }: LoadedModel,
  load: Pick<EngineLoad, "prefixCache" | "kvType" | "loraAdapters" | "gpu">,
): string {
  const context = sequences[0]?.context;
  return hash([
    load.prefixCache?.modelSha256,
    about.contextLength,
    load.gpu,
    load.kvType ?? "f16",
    // Another file may have taken an adapter's place.
    (load.loraAdapters ?? []).map(({ path, scale, stamp }) => [path, scale, stamp]),
    String(context?.flashAttention),
    libraryVersion(),
    model.llama.llamaCppRelease,
  ]);
}

/** Names what states are bound to. */
export function bindingKey(binding: string): string {
  return binding.slice(0, 16);
}

/** Names a tenant's states of one binding, without naming the tenant. */
export function ownerKey(binding: string, tenant: string): string {
  return `${bindingKey(binding)}-${hash([binding, tenant]).slice(0, 32)}`;
}

/** Names a list of tokens. */
export function tokensKey(tokens: Uint32Array): string {
  return createHash("sha256").update(tokens).digest("hex").slice(0, 32);
}

function hash(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

function libraryVersion(): string {
  const about: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.resolve("node-llama-cpp")), "utf8"));
  return typeof about === "object" && about !== null && "version" in about ? String(about.version) : "";
}
