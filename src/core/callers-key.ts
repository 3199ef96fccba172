/** The header, and metadata of RPCs, in which a caller brings its own key for the upstream that will answer. */
export const callersKeyHeader = "x-parley-upstream-key";

/** Longest key, characters: those of the known APIs have fewer than 200, and a signed token has some thousand. */
export const longestKey = 4096;

/** Whether a text can be a key: what no header can carry is none. */
export function isKey(text: string): boolean {
  return text.length <= longestKey && /^[\x21-\x7e]+$/.test(text);
}
