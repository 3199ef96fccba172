import { expect, it } from "vitest";
import { widestInstructions } from "./device.ts";

it.each([
  ["CPU : SSE3 = 1 | AVX = 1 | AVX2 = 1 | AVX512 = 0 | AVX512_VNNI = 0 | REPACK = 1 | ", "AVX2"],
  ["CPU : AVX = 1 | AVX2 = 1 | AVX512 = 1 | ", "AVX512"],
  ["CPU : NEON = 1 | ARM_FMA = 1 | DOTPROD = 1 | ", "NEON"],
  ["CPU : LLAMAFILE = 1 | ", ""],
])("names the widest vector instructions of %s", (systemInfo, widest) => {
  expect(widestInstructions(systemInfo)).toBe(widest);
});
