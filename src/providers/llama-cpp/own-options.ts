import type { ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { fieldsFault } from "../../core/reasons.ts";

/** Name of the provider of local models. */
export const providerName = "llama-cpp";

/** Refuses options that are keyed with our name: they must be known here, and none is. */
export function refuseOwnOptions(...options: readonly (readonly [field: string, value: object | undefined])[]): void {
  const fields = options
    .filter(([, value]) => value !== undefined && Object.hasOwn(value, providerName))
    .map(([field]) => ({ field, description: "local models know no options of their own" }));
  if (fields.length > 0) throw fieldsFault("unsupported_field", fields, { provider: providerName });
}

/** Refuses them in a chat request, wherever it has a place for them. */
export function refuseOwnChatOptions({ providerOptions, messages }: Pick<ChatRequest, "messages" | "providerOptions">): void {
  refuseOwnOptions(
    ["provider_options", providerOptions],
    ...messages.map((message, index) => [`messages[${index}].provider_options`, message.providerOptions] as const),
  );
}
