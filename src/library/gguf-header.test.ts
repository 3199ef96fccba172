import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ggufBytes } from "../testing/tiny-gguf-format.ts";
import { ggufMutants } from "../testing/gguf-mutations.ts";
import { tinyGguf } from "../testing/tiny-gguf.ts";
import { checkGguf } from "./gguf-header.ts";

const tiny = tinyGguf();

function check(bytes: Buffer, fileBytes = bytes.length) {
  return checkGguf(bytes, fileBytes);
}

/** A small file, and the same with four bytes replaced. */
function patched(at: number, value: number): Buffer {
  const bytes = Buffer.from(tiny);
  bytes.writeUInt32LE(value, at);
  return bytes;
}

describe("the check of a GGUF header", () => {
  it("reads the scalars of a whole file", () => {
    const found = check(tiny);
    expect(found.is).toBe("whole");
    expect(found.is === "whole" && found.metadata.get("general.architecture")).toBe("llama");
    expect(found.is === "whole" && found.metadata.get("llama.context_length")).toBe(2048);
  });

  it("asks for more while the header goes on", () => {
    expect(check(tiny.subarray(0, 100), tiny.length)).toEqual({ is: "more" });
  });

  it("tells a file that is still being copied from a broken one, with both numbers", () => {
    expect(check(tiny, tiny.length - 1000)).toEqual({ is: "cut", neededBytes: expect.any(Number) as number });
  });

  it.each([
    ["other magic", patched(0, 0x4c4d4747), "it is no GGUF file"],
    ["version 1", patched(4, 1), "its GGUF version is 1"],
    ["big-endian", patched(4, 0x03000000), "big-endian"],
    ["too many tensors", patched(8, 0xffffffff), "tensors; at most"],
    ["a count beyond 2^53", patched(12, 0xffffffff), "beyond 2^53"],
    ["too many keys", patched(16, 0xffffffff), "metadata keys; at most"],
    ["a key as long as the file", patched(24, 60_000), ""],
  ])("refuses %s", (_, bytes, problem) => {
    const found = check(bytes);
    expect(found.is).not.toBe("whole");
    if (problem !== "") expect(found).toEqual({ is: "malformed", problem: expect.stringContaining(problem) as string });
  });

  it("refuses an alignment that is no power of two", () => {
    const bytes = ggufBytes({ "general.architecture": { string: "llama" }, "general.alignment": { uint32: 33 } }, []);
    expect(check(bytes)).toEqual({ is: "malformed", problem: "its alignment 33 is no power of two" });
  });

  /** The tiny model with something written behind a name in its header. */
  function after(name: string, distance: number, value: number): Buffer {
    const bytes = Buffer.from(tiny);
    bytes.writeUInt32LE(value, bytes.indexOf(name) + name.length + distance);
    return bytes;
  }

  it.each([
    ["a tensor of an unknown type", after("output_norm.weight", 12, 31), /^tensor 1 is of the type 31/],
    ["a tensor that begins inside another", after("output.weight", 24, 32), /^tensor 2 begins at 32 rather than \d+/],
    ["a tensor that reaches beyond the file", after("blk.1.ffn_down.weight", 4, 1_000_000), /^it is cut$/],
    ["five dimensions", after("output.weight", 0, 5), /^a tensor has 5 dimensions/],
    ["a tensor without elements", after("output.weight", 4, 0), /^a tensor has no elements/],
    ["rows of no whole blocks", after("output_norm.weight", 12, 12), /^tensor 1 has rows of 64 elements/],
    ["an array in an array", after("tokenizer.ggml.merges", 4, 9), /^its metadata has an array of the unknown type 9/],
    [
      "a list of more texts than a model can have",
      after("tokenizer.ggml.merges", 8, 5_000_000),
      /^its metadata has a list of 5000000 texts/,
    ],
  ])("refuses %s", (_, bytes, problem) => {
    const found = check(bytes);
    expect(found.is === "malformed" ? found.problem : `it is ${found.is}`).toMatch(problem);
  });

  it("refuses names that are there twice, as llama.cpp does", () => {
    const tensor = { name: "a", shape: [1], values: new Float32Array(1) };
    expect(check(ggufBytes({}, [tensor, tensor]))).toEqual({ is: "malformed", problem: "tensor 1 has the name of another" });
    const keys = ggufBytes({ aa: { uint32: 1 }, ab: { uint32: 1 } }, [tensor]);
    keys.write("aa", keys.indexOf("ab"));
    expect(check(keys)).toEqual({ is: "malformed", problem: "its metadata key 1 is there twice" });
  });

  it("never throws and never reads outside the file, whatever bytes are changed", () => {
    const header = tiny.subarray(0, 4096);
    const change = fc.record({ at: fc.nat(header.length - 1), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), fc.nat(header.length), (changes, length) => {
        const bytes = Buffer.from(tiny);
        for (const { at, byte } of changes) bytes[at] = byte;
        expect(["whole", "cut", "malformed"]).toContain(check(bytes).is);
        expect(["more", "malformed"]).toContain(check(bytes.subarray(0, length), bytes.length).is);
        expect(["cut", "malformed"]).toContain(check(bytes.subarray(0, length)).is);
      }),
      { numRuns: 400 },
    );
  });

  it("never throws on bytes that only begin like a model", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (rest) => {
        const bytes = Buffer.concat([tiny.subarray(0, 8), rest]);
        expect(["cut", "malformed", "whole"]).toContain(check(bytes).is);
      }),
      { numRuns: 400 },
    );
  });
});

describe("300 mutated headers", () => {
  it("are each read to an end within a moment, and most are refused with a reason", () => {
    const mutants = ggufMutants(tiny, 1);
    const found = Array.from({ length: 300 }, () => mutants.next().value).map(({ kind, bytes }) => {
      const began = performance.now();
      const { is } = check(bytes);
      return { kind, is, ms: performance.now() - began };
    });
    expect(new Set(found.map(({ kind }) => kind)).size).toBe(14);
    expect(new Set(found.map(({ is }) => is))).toEqual(new Set(["whole", "cut", "malformed"]));
    expect(found.filter(({ is }) => is !== "whole").length).toBeGreaterThan(150);
    expect(Math.max(...found.map(({ ms }) => ms))).toBeLessThan(1000);
  });
});
