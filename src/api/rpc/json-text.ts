import type { Limits } from "../../core/limits.ts";
import { checkJsonSize } from "../rest/json.ts";

/** Reads the bytes of a JSON message as Connect's own decoder does: UTF-8, else it throws; and refuses what would be costly to parse, before it is. */
export function jsonTextDecoder(limits: Pick<Limits, "maxJsonDepth" | "maxJsonKeys">): { decode(bytes: Uint8Array): string } {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  return {
    decode(bytes) {
      const text = decoder.decode(bytes);
      checkJsonSize(text, limits);
      return text;
    },
  };
}
