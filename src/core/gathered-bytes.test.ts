import { array, assert, property, uint8Array } from "fast-check";
import { describe, expect, it } from "vitest";
import { GatheredBytes } from "./gathered-bytes.ts";

describe("bytes that come in pieces", () => {
  it("are those pieces, one after the other", () => {
    assert(
      property(array(uint8Array({ maxLength: 3000 }), { maxLength: 20 }), (pieces) => {
        const gathered = new GatheredBytes();
        for (const piece of pieces) gathered.push(Buffer.from(piece));
        expect(gathered.joined().equals(Buffer.concat(pieces))).toBe(true);
        expect(gathered.length).toBe(Buffer.concat(pieces).length);
      }),
    );
  });

  it("are the piece itself where there is one alone", () => {
    const gathered = new GatheredBytes();
    const piece = Buffer.from("all");
    gathered.push(piece);
    expect(gathered.joined()).toBe(piece);
  });

  it("take the room of their bytes, however small the pieces", () => {
    const gathered = new GatheredBytes();
    for (let index = 0; index < 100_000; index++) gathered.push(Buffer.from([index & 255]));
    expect(gathered.joined().buffer.byteLength).toBe(131_072);
  });
});
