import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterEach, describe, expect, it, vi } from "vitest";
import { LoadOptionsSchema, ModelState } from "../../../gen/parley/v1/models_pb.ts";
import type { LoadChoices } from "../../core/load-choices.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { answerOf, eventsOf, failureOf, textOf } from "../../testing/collect-events.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { writeTinyLora, type TinyLoraOptions } from "../../testing/tiny-lora.ts";
import { tinyProvider, type TinyProvider } from "../../testing/tiny-provider.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let tiny: TinyProvider;
afterEach(() => tiny.close());

const { signal } = new AbortController();

/** A model with heads that quantised types can hold. */
async function start(more: LoadChoices = {}): Promise<void> {
  tiny = await tinyProvider({ load: { sequences: 1, contextLength: 256, ...more } });
  await tiny.library.add("tiny", { heads: 2 });
}

const load = (options: MessageInitShape<typeof LoadOptionsSchema>) =>
  eventsOf(tiny.provider.local!.load("tiny", create(LoadOptionsSchema, options), signal));

async function says(): Promise<string> {
  const request = userRequest("hello", { model: "tiny", maxTokens: 12, sampling: { temperature: 0 } });
  return textOf(await answerOf(tiny.provider, request));
}

const configured = { loraAdapters: ["accent"] };

async function addAdapter(id: string, options: TinyLoraOptions = {}): Promise<void> {
  const path = join(tiny.library.directory, `${id}.gguf`);
  await writeTinyLora(path, options);
  const problem = "it is a LoRA adapter, which needs the model it was made for";
  await tiny.library.addFile(id, path, { isAdapter: true, architecture: options.architecture ?? "llama", problem });
}

describe("a load", () => {
  it.each(["f32", "bf16", "q8_0", "q4_0", "iq4_nl"])("may keep keys and values as %s", async (kvType) => {
    await start();
    await load({ kvType });
    expect(await says()).not.toBe("");
  });

  it("copies weights into memory, or maps their file where it is asked to", async () => {
    await start();
    const isMapped = async () => (await readFile(`/proc/${tiny.pidOf("tiny")}/maps`, "utf8")).includes("tiny.gguf");
    for (const [options, mapped] of [
      [{}, false],
      [{ useMmap: true }, true],
    ] as const) {
      await load(options);
      if (process.platform === "linux") expect(await isMapped()).toBe(mapped);
      expect(await says()).not.toBe("");
      await tiny.provider.local!.unload("tiny");
    }
  });

  it("takes less memory with smaller keys and values", async () => {
    await start();
    const memoryWith = async (kvType: string) => {
      const steps = await load({ kvType, contextLength: 2048 });
      await tiny.provider.local!.unload("tiny");
      return Number(steps.at(-1)?.model?.memoryBytes);
    };
    expect(await memoryWith("q8_0")).toBeLessThan(await memoryWith("f16"));
  });

  it.each([
    [{ kvType: "q9_9" }, "options.kv_type", 'there is no type "q9_9"; known are f32, f16, bf16, q8_0'],
    [{ kvType: "q8_0", flashAttention: false }, "options.kv_type", "q8_0 needs flash attention: leave out flash_attention"],
    [{ contextLength: 7 }, "options.context_length", "7 is outside 8 to 16777216"],
    [{ sequences: 257 }, "options.sequences", "257 is outside 1 to 256"],
    [{ keepAliveSeconds: -1 }, "options.keep_alive_seconds", "-1 is outside 0 to"],
    [{ chatTemplate: "{% for message in messages %}{{" }, "options.chat_template", "it is of no use"],
    [{ chatTemplate: "x".repeat(2 ** 20 + 1) }, "options.chat_template", "it is of no use"],
    [{ loraAdapters: ["tiny"] }, "options.lora_adapters", "tiny is a model and no LoRA adapter"],
  ])("refuses %j", async (options, field, message) => {
    await start();
    const error = await failureOf(load(options));
    expect([reasonOf(error), fieldOf(error)]).toEqual(["invalid_request", field]);
    expect(error.rawMessage).toContain(message);
    expect((await tiny.provider.listModels(signal))[0]?.state).toBe(ModelState.ON_DISK);
  });

  it("fails with a configured chat template that is of no use, and so do chats", async () => {
    await start({ chatTemplate: "nobody is heard" });
    const error = await failureOf(load({}));
    expect([reasonOf(error), fieldOf(error)]).toEqual(["invalid_request", "options.chat_template"]);
    const chat = await failureOf(says());
    expect([reasonOf(chat), chat.rawMessage]).toEqual(["model_state", expect.stringContaining("cannot be loaded as it is configured")]);
    await load({ chatTemplate: "{% for message in messages %}{{ message.content }}{% endfor %}" });
    expect(await says()).not.toBe("");
  });

  it("succeeds where the file's own chat template is of no use: raw prompts can be had", async () => {
    await start();
    await tiny.library.add("tiny", { heads: 2, chatTemplate: "{% if" });
    expect((await load({})).at(-1)?.model?.state).toBe(ModelState.READY);
    expect(reasonOf(await failureOf(says()))).toBe("model_state");
  });

  it("says of a type that the model's heads are too narrow for that it is the type", async () => {
    await start();
    await tiny.library.add("tiny", { heads: 4 });
    const error = await failureOf(load({ kvType: "q8_0" }));
    expect(reasonOf(error)).toBe("engine_failed");
    expect(error.rawMessage).toContain("a key-value cache of the type q8_0 cannot be made for this model");
    await load({ kvType: "f16" });
    expect(await says()).not.toBe("");
  });

  it("that fails leaves the model as it was: later requests load it as before", async () => {
    await start();
    await load({ contextLength: 128 });
    await tiny.provider.local!.unload("tiny");
    await addAdapter("narrow", { inputs: 64 });
    for (const wrong of [{ contextLength: 16_777_216, sequences: 256 }, { loraAdapters: ["narrow"] }]) await failureOf(load(wrong));
    const [model] = await tiny.provider.listModels(signal);
    expect([model?.state, model?.problem]).toEqual([ModelState.ON_DISK, ""]);
    expect(await says()).not.toBe("");
    expect((await tiny.provider.listModels(signal))[0]?.contextLength).toBe(128);
  });

  it("tells how far it is in steps that only grow", async () => {
    await start();
    const fractions = (await load({})).map(({ fractionDone }) => fractionDone);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(fractions.at(-1)).toBe(1);
    expect(fractions.length).toBeGreaterThan(1);
  });

  it("may change how long a loaded model stays, and nothing else of it", async () => {
    await start();
    await load({ kvType: "f16" });
    expect(reasonOf(await failureOf(load({ kvType: "f32", keepAliveSeconds: 1 })))).toBe("model_state");
    await load({ kvType: "f16", keepAliveSeconds: 1 });
    await tiny.reported(([name, , isLoaded]) => name === "loaded" && isLoaded === false);
  });
});

describe("a LoRA adapter", () => {
  it("changes what its model says, and is no model itself", async () => {
    await start();
    await addAdapter("accent");
    const plain = await says();
    await tiny.provider.local!.unload("tiny");
    await load({ loraAdapters: ["accent"] });
    expect(await says()).not.toBe(plain);
    await tiny.provider.local!.unload("tiny");
    await load({});
    expect(await says()).toBe(plain);
    expect((await tiny.provider.listModels(signal)).map(({ id }) => id)).toEqual(["tiny"]);
    expect(reasonOf(await failureOf(answerOf(tiny.provider, userRequest("hello", { model: "accent" }))))).toBe("model_state");
  });

  it("may be configured; a model that has lost it fails alone, also when its process must be started anew", async () => {
    await start(configured);
    await addAdapter("accent");
    expect(await says()).not.toBe("");
    tiny.library.forget("accent");
    process.kill(tiny.pidOf("tiny"), "SIGKILL");
    await tiny.reported(([name]) => name === "restarted");
    const error = await failureOf(says());
    expect([reasonOf(error), error.rawMessage]).toEqual(["model_not_found", expect.stringContaining('there is no LoRA adapter "accent"')]);
  });

  it("is refused by models it was not made for, and where there is none of its name", async () => {
    await start();
    await addAdapter("stranger", { architecture: "qwen2" });
    await addAdapter("misfit", { inputs: 96 });
    const foreign = await failureOf(load({ loraAdapters: ["stranger"] }));
    expect([reasonOf(foreign), foreign.rawMessage]).toEqual([
      "invalid_request",
      "options.lora_adapters: stranger was made for qwen2 models, and tiny is llama",
    ]);
    expect(reasonOf(await failureOf(load({ loraAdapters: ["nowhere"] })))).toBe("model_not_found");
    const misfit = await failureOf(load({ loraAdapters: ["misfit"] }));
    expect(misfit.rawMessage).toBe(
      'model "tiny" cannot be loaded: a LoRA adapter does not fit this model: load it with the model that the adapter was made for',
    );
    await load({});
    expect(await says()).not.toBe("");
  });
});
