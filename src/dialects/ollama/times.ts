import type { Timestamp } from "@bufbuild/protobuf/wkt";

/** An instant as this format writes it. */
export function timeText({ seconds, nanos }: Pick<Timestamp, "seconds" | "nanos">): string {
  return new Date(Number(seconds) * 1000 + nanos / 1e6).toISOString();
}

/** How Go writes a time that is not known. */
export const unknownTime = "0001-01-01T00:00:00Z";
