/** What may be told of the text so far, and the stop text that ended it. */
export interface StopResult {
  readonly text: string;
  readonly stop?: string;
}

/** Watches a text for stop texts, however it is cut into pieces. */
export interface StopDetector {
  /** Takes the next piece and answers with what cannot be the beginning of a stop text. After a `stop` it must not be called again. */
  push(piece: string): StopResult;
  /** The end of the text: what was held back, since no stop text came of it. */
  flush(): string;
}

/** A detector of the texts; the one that is complete first hits, of two that end together the longer. */
export function stopDetector(stops: readonly string[]): StopDetector {
  let held = "";
  return {
    push(piece) {
      if (stops.length === 0) return { text: piece };
      const text = held + piece;
      const hit = firstHit(text, stops);
      if (hit !== undefined) {
        held = "";
        return { text: text.slice(0, hit.end - hit.stop.length), stop: hit.stop };
      }
      const keep = longestBeginning(text, stops);
      held = text.slice(text.length - keep);
      return { text: text.slice(0, text.length - keep) };
    },
    flush() {
      const text = held;
      held = "";
      return text;
    },
  };
}

function firstHit(text: string, stops: readonly string[]): { readonly stop: string; readonly end: number } | undefined {
  let hit: { readonly stop: string; readonly end: number } | undefined;
  for (const stop of stops) {
    const at = text.indexOf(stop);
    if (at < 0) continue;
    const end = at + stop.length;
    if (hit === undefined || end < hit.end || (end === hit.end && stop.length > hit.stop.length)) hit = { stop, end };
  }
  return hit;
}

/** Length of the longest end of `text` with which a stop text begins. */
function longestBeginning(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) {
        longest = length;
        break;
      }
    }
  }
  return longest;
}
