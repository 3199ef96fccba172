import { expect, it } from "vitest";
import { ChunkWriter, dataFrame } from "./chunks.ts";
import { accepted, finished, started, text } from "../../core/events.ts";
import { FinishReason } from "../../../gen/parley/v1/chat_pb.ts";
import { padded } from "./padding.ts";

it("frames are filled up to a multiple of 256 bytes, whatever they say, and stay JSON", () => {
  for (const words of ["", "a", "wörd 🦜", "x".repeat(300)]) {
    const frame = padded(dataFrame({ words }));
    expect(Buffer.byteLength(frame) % 256).toBe(0);
    expect(JSON.parse(frame.slice("data: ".length))).toEqual({ words, obfuscation: expect.stringMatching(/^[A-Za-z0-9]*$/) });
  }
});

it("pieces of an answer are padded only where it was asked for", () => {
  const sizes = (includeObfuscation: boolean) => {
    const writer = new ChunkWriter({ includeUsage: false, includeObfuscation });
    const events = [
      accepted({ id: "i", model: "m", createdMs: 1 }),
      started("p", "m"),
      text(0, "a"),
      text(0, "longer"),
      finished(0, FinishReason.STOP),
    ];
    return new Set(events.map((event) => writer.write(event).length).filter((size) => size > 0));
  };
  expect([...sizes(true)].map((size) => size % 256)).toEqual([...sizes(true)].map(() => 0));
  expect(sizes(false).size).toBeGreaterThan(2);
});
