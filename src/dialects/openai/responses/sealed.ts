import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import type { ReasoningPart } from "../../../../gen/parley/v1/messages_pb.ts";
import { isJsonObject, parsedJson } from "../../../core/json.ts";
import { invalidField } from "../../../core/reasons.ts";
import { textAt } from "../read.ts";

// `encrypted_content` is where clients carry thinking that has to come back as it was, and all that some of them carry. We have nothing to encrypt with
// that all replicas share, and nothing to hide: what an upstream hides is hidden by it already. So it holds the thinking itself, opaque to whoever does not look.

/** Thinking with what has to come back beside it. */
export type Thought = Pick<ReasoningPart, "text" | "signature" | "redactedData">;

/** What every sealed thought of ours begins with. */
const seal = "parley1.";

/** A thought as the text that clients return. */
export function sealed({ text, signature, redactedData }: Thought): string {
  const fields = { text, signature, hidden: base64Encode(redactedData) };
  return seal + base64Encode(new TextEncoder().encode(JSON.stringify(fields)), "url");
}

/** The thought in a text that a client returned. Throws `invalid_request` for what is not ours. */
export function unsealed(value: unknown, path: string): Thought {
  const given = textAt(value, path);
  const fields = given.startsWith(seal) ? opened(given.slice(seal.length)) : undefined;
  if (fields === undefined) throw invalidField(path, "was not written by this service; leave the item out");
  return fields;
}

function opened(text: string): Thought | undefined {
  try {
    const fields = parsedJson(new TextDecoder("utf-8", { fatal: true }).decode(base64Decode(text)));
    if (!isJsonObject(fields)) return undefined;
    const { text: words, signature, hidden } = fields;
    if (typeof words !== "string" || typeof signature !== "string" || typeof hidden !== "string") return undefined;
    return { text: words.toWellFormed(), signature: signature.toWellFormed(), redactedData: base64Decode(hidden) };
  } catch {
    return undefined;
  }
}

/** Whether a thought is worth nothing without what stands beside its text. */
export function mustComeBack({ signature, redactedData }: Thought): boolean {
  return signature !== "" || redactedData.length > 0;
}
