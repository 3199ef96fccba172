import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { combinations } from "../core/combinations.ts";
import { reasonOf } from "../core/reasons.ts";
import { engineAsk, loadTiny, plainPlan } from "../testing/loaded-model.ts";
import { checkDrawing } from "./drawing.ts";
import type { LoadedModel } from "./model.ts";
import type { OutputPlan } from "./output.ts";
import type { EngineDry, EngineRequest } from "./protocol/request.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const dry: EngineDry = { multiplier: 1, base: 2, allowedLength: 2, lastTokens: 9, sequenceBreakers: [] };

describe("what a drawing is asked for", () => {
  let loaded: LoadedModel;
  beforeAll(async () => {
    loaded = await loadTiny();
  });
  afterAll(() => loaded.dispose());
  const held: OutputPlan = { ...plainPlan, grammarFields: ["response_format.json_schema", "tool_choice"] };
  const refusal = (request: EngineRequest, output = held, model = loaded): unknown => {
    try {
      checkDrawing(request, output, model);
      return undefined;
    } catch (error) {
      return error;
    }
  };
  const fieldsIn = (error: unknown) =>
    error instanceof ConnectError
      ? error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field))
      : [];

  it("is refused by all its fields where a grammar rules it out", () => {
    const end = loaded.model.tokens.eos!;
    const [sequence] = loaded.sequences;
    const cannotTakeBack = { ...loaded, sequences: [Object.create(sequence!, { needsCheckpoints: { value: true } })] };
    const asked: Record<keyof typeof combinations, [EngineRequest, LoadedModel?]> = {
      grammarAndMinTokens: [engineAsk({ minTokens: 1 })],
      grammarAndIgnoreEos: [engineAsk({ ignoreEos: true })],
      grammarAndEndBias: [engineAsk({ sampling: { logitBias: [[end, 1]] } })],
      grammarAndDry: [engineAsk({ sampling: { dry, repeatPenalty: 1.1 } })],
      grammarAndGreedyXtc: [engineAsk({ sampling: { xtc: { probability: 1, threshold: 0.1 } } })],
      grammarAndLogprobs: [engineAsk({ topLogprobs: 0 }), cannotTakeBack],
    };
    for (const [name, [request, model]] of Object.entries(asked)) {
      const { other } = combinations[name as keyof typeof combinations];
      const error = refusal(request, held, model);
      expect(reasonOf(error)).toBe("unsupported_field");
      expect(fieldsIn(error)).toEqual([other, "response_format.json_schema", "tool_choice"]);
      expect(String(error)).toContain("together with response_format.json_schema, tool_choice");
      // Without a grammar each is granted.
      expect(refusal(request, plainPlan, model)).toBeUndefined();
    }
  });

  it("is granted under a grammar where there is a way", () => {
    const granted = [
      engineAsk(),
      engineAsk({ topLogprobs: 5 }),
      engineAsk({ sampling: { dry } }),
      engineAsk({ sampling: { repeatPenalty: 1.5 } }),
    ];
    for (const request of granted) expect(refusal(request)).toBeUndefined();
  });

  it("names no token that the model does not have, and not too many breakers", () => {
    for (const token of [-1, loaded.vocabularySize])
      expect(fieldsIn(refusal(engineAsk({ sampling: { logitBias: [[token, 1]] } })))).toEqual(["sampling.logit_bias"]);
    const breakers = (count: number) =>
      engineAsk({ sampling: { dry: { ...dry, sequenceBreakers: Array.from({ length: count }, String) } } });
    expect(refusal(breakers(16))).toBeUndefined();
    expect(fieldsIn(refusal(breakers(17)))).toEqual(["sampling.dry.sequence_breakers"]);
  });
});
