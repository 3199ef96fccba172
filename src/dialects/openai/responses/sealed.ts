import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { ReasoningPartSchema, type ReasoningPart } from "../../../../gen/parley/v1/messages_pb.ts";
import { invalidField } from "../../../core/reasons.ts";
import { textAt } from "../read.ts";

// `encrypted_content` is where clients carry thinking that has to come back as it was, and all that some of them carry. We have nothing to encrypt with
// that all replicas share, and nothing to hide: what an upstream hides is hidden by it already. So it holds the thinking itself, as the contract writes it.

/** Thinking with what has to come back beside it. */
export type Thought = Pick<ReasoningPart, "text" | "signature" | "redactedData">;

/** What every sealed thought of ours begins with. */
const seal = "parley1.";

/** A thought as the text that clients return. */
export function sealed({ text, signature, redactedData }: Thought): string {
  const part = create(ReasoningPartSchema, { text, signature, redactedData });
  return seal + base64Encode(toBinary(ReasoningPartSchema, part), "url");
}

/** The thought in a text that a client returned. Throws `invalid_request` for what is not ours. */
export function unsealed(value: unknown, path: string): Thought {
  const given = textAt(value, path);
  const thought = given.startsWith(seal) ? opened(given.slice(seal.length)) : undefined;
  if (thought === undefined) throw invalidField(path, "was not written by this service; leave the item out");
  return thought;
}

function opened(text: string): Thought | undefined {
  try {
    const { text: words, signature, redactedData } = fromBinary(ReasoningPartSchema, base64Decode(text), { readUnknownFields: false });
    return { text: words, signature, redactedData };
  } catch {
    return undefined;
  }
}

/** Whether a thought is worth nothing without what stands beside its text. */
export function mustComeBack({ signature, redactedData }: Thought): boolean {
  return signature !== "" || redactedData.length > 0;
}
