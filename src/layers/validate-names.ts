import { isModelId } from "../core/model-id.ts";

/** Notes a field that is at fault unless the condition holds. */
export type Check = (holds: boolean, field: string, description: string) => void;

/** The names by which a request chooses who answers; both may be left out. */
export function checkNames({ model, provider = "" }: { readonly model: string; readonly provider?: string }, check: Check): void {
  check(model === "" || isModelId(model), "model", "is not a model's name: letters, digits and . _ : / @ + - up to 256, no `..`");
  check(provider === "" || /^[a-z0-9][a-z0-9-]{0,63}$/.test(provider), "provider", "is not a provider's name");
}
