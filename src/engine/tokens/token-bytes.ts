import type { LlamaModel, Token } from "node-llama-cpp";

/** Types of tokens in a GGUF file whose text stands there as it is: unknown, control, user-defined, unused. */
const asIs: ReadonlySet<number | undefined> = new Set([2, 3, 4, 5]);
const byteType = 6;

/** The bytes of a token, from the vocabulary itself: as text, parts of characters would all look alike. A special token's are those of its name. */
export function tokenBytes(model: LlamaModel, token: Token): Buffer {
  const vocabulary = model.fileInfo.metadata.tokenizer?.ggml;
  const bytesOf = byVocabulary[vocabulary?.model ?? ""];
  const text = vocabulary?.tokens[token];
  // Other vocabularies have no tokens that are parts of characters.
  if (bytesOf === undefined || text === undefined) return Buffer.from(model.detokenize([token], true));
  return bytesOf(text, vocabulary?.token_type?.[token]);
}

const byVocabulary: Readonly<Record<string, ((text: string, type: number | undefined) => Buffer) | undefined>> = {
  gpt2: byteLevel,
  llama: sentencePiece,
};

/** Vocabularies that write each byte as a printable character. */
function byteLevel(text: string, type: number | undefined): Buffer {
  if (asIs.has(type)) return Buffer.from(text);
  const bytes: number[] = [];
  for (const character of text) {
    const byte = byteOf.get(character);
    if (byte === undefined) bytes.push(...Buffer.from(character));
    else bytes.push(byte);
  }
  return Buffer.from(bytes);
}

/** Vocabularies that write a space as U+2581 and bytes as `<0x0A>`. */
function sentencePiece(text: string, type: number | undefined): Buffer {
  if (type === byteType) return Buffer.from([Number.parseInt(text.slice(3, -1), 16)]);
  return Buffer.from(asIs.has(type) ? text : text.replaceAll("\u2581", " "));
}

const byteOf = byteCharacters();

/** The byte of each character that stands for one: printable ones for themselves, the others from U+0100 on. */
function byteCharacters(): ReadonlyMap<string, number> {
  const isPrintable = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let others = 0x100;
  return new Map(Array.from({ length: 0x100 }, (_, byte) => [String.fromCodePoint(isPrintable(byte) ? byte : others++), byte]));
}
