const ellipsis = "…";

/** A text of at most so many bytes of UTF-8: what is longer ends with an ellipsis, after a whole character. */
export function boundedText(text: string, mostBytes: number): string {
  if (Buffer.byteLength(text) <= mostBytes) return text;
  let left = mostBytes - Buffer.byteLength(ellipsis);
  let end = 0;
  for (const character of text) {
    left -= Buffer.byteLength(character);
    if (left < 0) break;
    end += character.length;
  }
  return text.slice(0, end) + ellipsis;
}
