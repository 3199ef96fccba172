import { invalidField } from "../../core/reasons.ts";
import { listAt, numberAt, present, textAt, type Json } from "../openai/read.ts";

/** Where a body has them. */
export const inferenceConfigs = "inference_configs";

/** What numbers may be, as the layers check them in chats; the first of a pair is allowed unless it is said to lie outside. */
const ranges: Readonly<Record<string, { readonly from: number; readonly to: number; readonly isOpen?: boolean }>> = {
  temperature: { from: 0, to: 2 },
  top_p: { from: 0, to: 1, isOpen: true },
  top_k: { from: 0, to: 2 ** 31 - 1 },
  repeat_penalty: { from: 0, to: 2, isOpen: true },
  max_tokens: { from: 1, to: 2 ** 31 - 1 },
};
const mostStops = 16;

/** Checks what a prompt that is prepared has no use for, and the call that follows has: a mistake is told before it is made twice. Throws `invalid_request`. */
export function checkInferenceConfigs(configs: Json): void {
  for (const [name, { from, to, isOpen = false }] of Object.entries(ranges)) {
    const value = present(configs, name);
    if (value === undefined) continue;
    const number = numberAt(value, `${inferenceConfigs}.${name}`);
    if (number < from || number > to || (isOpen && number === from))
      throw invalidField(`${inferenceConfigs}.${name}`, `${number} is outside ${isOpen ? "above " : ""}${from} to ${to}`);
  }
  checkStops(present(configs, "stop"), `${inferenceConfigs}.stop`);
}

function checkStops(value: unknown, path: string): void {
  if (value === undefined) return;
  const stops = typeof value === "string" ? [value] : listAt(value, path).map((item) => textAt(item, path));
  if (stops.length > mostStops || stops.includes("")) throw invalidField(path, `must be at most ${mostStops} texts, none of them empty`);
}
