import type { ModelFacts } from "../../core/ports.ts";
import type { Details } from "./wire/models.ts";

/** What llama.cpp's numbers of `general.file_type` are called. */
const fileTypes: Readonly<Record<number, string>> = {
  0: "F32",
  1: "F16",
  2: "Q4_0",
  3: "Q4_1",
  7: "Q8_0",
  8: "Q5_0",
  9: "Q5_1",
  10: "Q2_K",
  11: "Q3_K_S",
  12: "Q3_K_M",
  13: "Q3_K_L",
  14: "Q4_K_S",
  15: "Q4_K_M",
  16: "Q5_K_S",
  17: "Q5_K_M",
  18: "Q6_K",
  19: "IQ2_XXS",
  20: "IQ2_XS",
  21: "Q2_K_S",
  22: "IQ3_XS",
  23: "IQ3_XXS",
  24: "IQ1_S",
  25: "IQ4_NL",
  26: "IQ3_S",
  27: "IQ3_M",
  28: "IQ2_S",
  29: "IQ2_M",
  30: "IQ4_XS",
  31: "IQ1_M",
  32: "BF16",
  36: "TQ1_0",
  37: "TQ2_0",
  38: "MXFP4",
};

/** What a model is made of; empty where it is not known, as of models elsewhere. */
export function detailsOf(facts: ModelFacts | undefined): Details {
  const family = facts?.architecture ?? "";
  return {
    parent_model: "",
    format: facts === undefined ? "" : "gguf",
    family,
    families: family === "" ? [] : [family],
    parameter_size: sizeName(facts?.parameterCount),
    quantization_level: fileTypes[facts?.fileType ?? -1] ?? "",
  };
}

const units = [
  { least: 1e9, name: "B", digits: 1 },
  { least: 1e6, name: "M", digits: 2 },
  { least: 1e3, name: "K", digits: 0 },
] as const;

/** A number of parameters as people say it. */
function sizeName(count: number | undefined): string {
  if (count === undefined) return "";
  const unit = units.find(({ least }) => count >= least);
  if (unit === undefined) return String(count);
  const number = count / unit.least;
  return `${Number.isInteger(number) ? number : number.toFixed(unit.digits)}${unit.name}`;
}
