import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { ModelSchema } from "../../../gen/parley/v1/models_pb.ts";
import { modelToOpenAI } from "./models.ts";

describe("a model's age", () => {
  it("is that of its file", () => {
    expect(modelToOpenAI(create(ModelSchema, { id: "m", created: timestampFromMs(1_700_000_000_900) }))).toMatchObject({
      created: 1_700_000_000,
    });
  });

  it("is that of the process where it has no file", () => {
    const { created } = modelToOpenAI(create(ModelSchema, { id: "echo" })) as { created: number };
    expect(Number.isInteger(created)).toBe(true);
    expect(created).toBeGreaterThan(Date.now() / 1000 - 24 * 3600);
    expect(created).toBeLessThanOrEqual(Date.now() / 1000);
  });
});
