import { booleanAt, objectAt, read, readAt, type Json } from "./read.ts";

/** Whether the answer is a stream, and what it holds beside the answer. */
export interface AskedStream {
  /** Whether the answer is a stream of chunks. */
  readonly stream: boolean;
  /** Whether a stream ends with a chunk that has the usage. */
  readonly includeUsage: boolean;
  /** Whether its chunks are padded. */
  readonly includeObfuscation: boolean;
}

const plain = { includeUsage: false, includeObfuscation: false };

/** Reads `stream` and `stream_options`. */
export function streamFromOpenAI(body: Json): AskedStream {
  return { stream: read(body, "stream", booleanAt) ?? false, ...(read(body, "stream_options", optionsAt) ?? plain) };
}

function optionsAt(value: unknown, path: string): Omit<AskedStream, "stream"> {
  const options = objectAt(value, path);
  const said = (name: string) => readAt(options, { at: `${path}.`, name }, booleanAt) ?? false;
  return { includeUsage: said("include_usage"), includeObfuscation: said("include_obfuscation") };
}
