import { create } from "@bufbuild/protobuf";
import { getPriority } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { EmbedRequestSchema, type EmbedResponse } from "../../../gen/parley/v1/embeddings_pb.ts";
import { LoadOptionsSchema, ModelState } from "../../../gen/parley/v1/models_pb.ts";
import { callContext } from "../../core/context.ts";
import { reasonOf } from "../../core/reasons.ts";
import { only } from "../../core/stream.ts";
import { embedKind } from "../../core/unary-kinds.ts";
import { testCall } from "../../testing/call-context.ts";
import { answerOf, begunAnswer, eventsOf, failureOf, restOf, textOf, valuesOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { writeTinyLora } from "../../testing/tiny-lora.ts";
import { tinyProvider, type TinyProvider, type TinyProviderOptions } from "../../testing/tiny-provider.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let tiny: TinyProvider;
afterEach(() => tiny.close());

const { signal } = new AbortController();

async function start(options: TinyProviderOptions = {}): Promise<void> {
  tiny = await tinyProvider({ ...options, load: { sequences: 1, contextLength: 512, ...options.load } });
  await tiny.library.add("chats");
}

async function embed(text = "hello", model = "chats"): Promise<EmbedResponse> {
  const request = create(EmbedRequestSchema, { model, inputs: [{ input: { case: "text", value: text } }] });
  return only(tiny.provider.embed!(request, callContext(testCall({ signal }), embedKind, request)));
}

const ask = (maxTokens = 4, model = "chats") => userRequest("hello", { model, maxTokens });
const says = async () => textOf(await answerOf(tiny.provider, ask()));
const listed = async () => (await tiny.provider.listModels(signal)).find(({ id }) => id === "chats");
const memory = async () => Number((await listed())?.memoryBytes ?? 0);
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe("vectors of a model that chats", () => {
  it("are made in a process of their own, whose memory is counted and listed with the chat's", async () => {
    await start();
    await says();
    const alone = await memory();
    await embed();
    expect(tiny.pidOf("chats", "vectors")).not.toBe(tiny.pidOf("chats"));
    expect(getPriority(tiny.pidOf("chats", "vectors"))).toBeGreaterThan(getPriority(tiny.pidOf("chats")));
    const both = await memory();
    // A second copy of the weights at least.
    expect(both).toBeGreaterThan(alone * 1.3);
    expect(tiny.reports).toContainEqual(["loaded", "chats", true, both]);
  });

  it("are made without loading it for chats, which it is then not listed as", async () => {
    await start();
    expect((await embed()).embeddings[0]?.values).toHaveLength(64);
    expect(() => tiny.pidOf("chats")).toThrow("has not been loaded");
    expect((await listed())?.state).toBe(ModelState.ON_DISK);
  });

  it("have their process unloaded for another model before one that is busy, and wait for room themselves", async () => {
    await start({ limits: { maxLoadedModels: 2 } });
    await tiny.library.add("other");
    await embed();
    const stream = await begunAnswer(tiny.provider, ask(400));
    await answerOf(tiny.provider, ask(4, "other"));
    expect(isAlive(tiny.pidOf("chats", "vectors"))).toBe(false);
    await embed();
    expect(valuesOf(await restOf(stream), "completed")[0]?.usage?.completionTokens).toBe(400);
    expect((await tiny.provider.listModels(signal)).find(({ id }) => id === "other")?.state).toBe(ModelState.ON_DISK);
  });

  it("are refused where the budget has no room for their process, and the model still chats", async () => {
    // Prompts are read in small steps, inputs whole: these take more.
    const load = { batchTokens: 32 };
    await start({ load });
    await says();
    const chat = await memory();
    await embed();
    const vectors = (await memory()) - chat;
    expect(vectors).toBeGreaterThan(chat * 1.05);
    await tiny.close();
    await start({ load, memoryBytes: (chat + vectors) / 2 });
    await says();
    expect(reasonOf(await failureOf(embed()))).toBe("model_too_large");
    expect(await says()).not.toBe("");
  });

  it("survive a crash of the chat's process, and the chat survives one of theirs", async () => {
    await start();
    await Promise.all([says(), embed()]);
    const [chat, vectors] = [tiny.pidOf("chats"), tiny.pidOf("chats", "vectors")];
    process.kill(vectors, "SIGKILL");
    await tiny.reported(([name]) => name === "restarted");
    expect(await says()).not.toBe("");
    expect((await embed()).embeddings).toHaveLength(1);
    expect(tiny.pidOf("chats")).toBe(chat);
    expect(tiny.pidOf("chats", "vectors")).not.toBe(vectors);
  });

  it("end with the model: unloaded, or its file gone", async () => {
    await start();
    await Promise.all([says(), embed()]);
    await tiny.provider.local!.unload("chats");
    expect([tiny.pidOf("chats"), tiny.pidOf("chats", "vectors")].map(isAlive)).toEqual([false, false]);
    expect(await memory()).toBe(0);
    await embed();
    const from = tiny.reports.length;
    tiny.library.forget("chats");
    await tiny.reported(([name, , isLoaded]) => name === "loaded" && isLoaded === false, from);
    expect(reasonOf(await failureOf(embed()))).toBe("model_not_found");
  });

  it("leave after the model's keep-alive by themselves", async () => {
    await start({ load: { keepAliveSeconds: 1 } });
    await embed();
    await tiny.reported(([name, , isLoaded]) => name === "loaded" && isLoaded === false);
  });

  it("are made as the model was loaded last", async () => {
    await start();
    await embed();
    await eventsOf(tiny.provider.local!.load("chats", create(LoadOptionsSchema, { contextLength: 64 }), signal));
    const error = await failureOf(embed("z".repeat(100)));
    expect([reasonOf(error), error.rawMessage]).toEqual(["context_length_exceeded", expect.stringMatching(/100 tokens.* reads 64 /)]);
  });

  it("are refused where it is loaded with adapters, and made again without", async () => {
    await start();
    const path = join(tiny.library.directory, "accent.gguf");
    await writeTinyLora(path);
    await tiny.library.addFile("accent", path, { isAdapter: true, problem: "it is a LoRA adapter" });
    await embed();
    await eventsOf(tiny.provider.local!.load("chats", create(LoadOptionsSchema, { loraAdapters: ["accent"] }), signal));
    const error = await failureOf(embed());
    expect([reasonOf(error), error.rawMessage]).toEqual(["model_state", expect.stringContaining("LoRA adapters")]);
    await tiny.provider.local!.unload("chats");
    await eventsOf(tiny.provider.local!.load("chats", create(LoadOptionsSchema, {}), signal));
    expect((await embed()).embeddings).toHaveLength(1);
  });
});
