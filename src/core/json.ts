/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** What a JSON text says; undefined when it is none. What the parser finds wrong is told to nobody: it may quote the text, which is the caller's alone. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a value is a JSON object, and no list. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
