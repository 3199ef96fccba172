const characters = /^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,255}$/;

/** A segment that is empty, `.` or `..`. */
const oddSegment = /(^|\/)\.{0,2}(\/|$)/;

/** Whether a text can be a model's name: it starts with a letter or digit, has no `..` segment, and at most 256 characters. A name is looked up in a table and never used as a path. */
export function isModelId(text: string): boolean {
  return characters.test(text) && !oddSegment.test(text);
}
