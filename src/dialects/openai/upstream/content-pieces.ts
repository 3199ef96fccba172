import { isJsonObject } from "../../../core/json.ts";

/** What a list of content says; undefined where one of its pieces is of a type that nobody knows. Some servers tell thinking so. */
export function contentPieces(content: readonly unknown[]): { readonly text: string; readonly thinking: string } | undefined {
  let text = "";
  let thinking = "";
  for (const piece of content) {
    const said = pieceOf(piece);
    if (said === undefined) return undefined;
    if (said.isThinking) thinking += said.words;
    else text += said.words;
  }
  return { text, thinking };
}

function pieceOf(piece: unknown): { readonly words: string; readonly isThinking: boolean } | undefined {
  if (!isJsonObject(piece)) return undefined;
  const { type, text, thinking } = piece;
  if (type === "text" && typeof text === "string") return { words: text, isThinking: false };
  if (type !== "thinking") return undefined;
  if (typeof thinking === "string") return { words: thinking, isThinking: true };
  if (!Array.isArray(thinking)) return undefined;
  const inner = thinking.map((each) => (isJsonObject(each) && typeof each["text"] === "string" ? each["text"] : undefined));
  return inner.includes(undefined) ? undefined : { words: inner.join(""), isThinking: true };
}
