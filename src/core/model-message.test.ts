import { describe, expect, it } from "vitest";
import { Capability, ModelState } from "../../gen/parley/v1/models_pb.ts";
import { modelOfFile } from "./model-message.ts";
import type { ModelFile } from "./ports.ts";

const file: ModelFile = {
  id: "tiny",
  aliases: ["tiny.gguf"],
  path: "/models/tiny.gguf",
  sizeBytes: 12,
  modifiedMs: 2000,
  title: "Tiny",
  licence: "MIT",
  sha256: "ab",
  architecture: "llama",
  trainedContextLength: 2048,
  purpose: "chat",
  problem: "",
};

describe("the message of a model file", () => {
  it("says what the file says, and never where it is", () => {
    const { $typeName: _, created, ...said } = modelOfFile(file, { provider: "here" });
    expect(said).toEqual({
      ...{ id: "tiny", title: "Tiny", provider: "here", ownedBy: "local", licence: "MIT", sha256: "ab", aliases: ["tiny.gguf"] },
      ...{ state: ModelState.ON_DISK, problem: "", isDefault: false, sizeBytes: 12n, contextLength: 2048 },
      capabilities: [Capability.CHAT, Capability.TOOLS],
    });
    expect(created?.seconds).toBe(2n);
  });

  it("says what is known of it while it is loaded", () => {
    const loaded = modelOfFile(file, { provider: "here", state: ModelState.READY, memoryBytes: 99, contextLength: 512 });
    expect(loaded).toMatchObject({ state: ModelState.READY, memoryBytes: 99n, contextLength: 512 });
  });

  it("of one that makes vectors, or ranks, says so", () => {
    expect(modelOfFile({ ...file, purpose: "embed" }, { provider: "here" }).capabilities).toEqual([Capability.EMBED]);
    expect(modelOfFile({ ...file, purpose: "rerank" }, { provider: "here" }).capabilities).toEqual([Capability.RERANK]);
  });

  it("of one whose engine failed says why, and what it can do", () => {
    const failed = modelOfFile(file, { provider: "here", state: ModelState.FAILED, problem: "it crashed" });
    expect(failed).toMatchObject({ state: ModelState.FAILED, problem: "it crashed", capabilities: [Capability.CHAT, Capability.TOOLS] });
  });

  it("of one that cannot be loaded says why, and that it can do nothing", () => {
    const broken = modelOfFile({ ...file, problem: "it is cut off" }, { provider: "here", state: ModelState.ON_DISK });
    expect(broken).toMatchObject({ state: ModelState.FAILED, problem: "it is cut off", capabilities: [] });
  });
});
