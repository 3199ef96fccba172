import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { Role } from "../../../gen/parley/v1/messages_pb.ts";
import { fateOf, fieldPaths } from "../../core/fields.ts";
import { answerOf, outlineOf, textOf, valuesOf } from "../../testing/collect-events.ts";
import { contractPaths } from "../../testing/contract-paths.ts";
import { tinyProvider, type TinyProvider } from "../../testing/tiny-provider.ts";
import { llamaCppFields } from "./fields.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let tiny: TinyProvider;
beforeAll(async () => {
  tiny = await tinyProvider({ load: { sequences: 1 } });
  await tiny.library.add("tiny");
});
afterAll(() => tiny.close());

type Ask = MessageInitShape<typeof ChatRequestSchema>;

const saying = (text: string, role: Role = Role.USER): Ask => ({
  messages: [{ role, parts: [{ part: { case: "text", value: { text } } }] }],
});
const raw = (value: string, more = {}): Ask => ({ rawPrompt: { prompt: { case: "text", value }, ...more } });
/** Wide sampling with a seed: whatever narrows or bends it shows. */
const wide = { temperature: 1.2, topK: 0, topP: 1, minP: 0, seed: 1n };
const drawn = (more = {}): Ask => ({ ...saying("go"), sampling: { ...wide, ...more } }) as Ask;

/** A request with the field and one without, whose answers differ. */
const proofs: Readonly<Record<string, readonly [with_: Ask, without: Ask]>> = {
  "messages.role": [saying("go"), saying("go", Role.SYSTEM)],
  "messages.parts.text.text": [saying("go"), saying("stay")],
  "messages.parts.refusal.text": [
    { messages: [{ role: Role.ASSISTANT, parts: [{ part: { case: "refusal", value: { text: "no" } } }] }] },
    saying("", Role.ASSISTANT),
  ],
  "sampling.temperature": [drawn({ temperature: 0 }), drawn()],
  "sampling.top_p": [drawn({ topP: 0.05 }), drawn()],
  "sampling.top_k": [drawn({ topK: 1 }), drawn()],
  "sampling.min_p": [drawn({ minP: 0.9 }), drawn()],
  "sampling.seed": [drawn({ seed: 2n }), drawn()],
  "sampling.presence_penalty": [drawn({ presencePenalty: 2 }), drawn()],
  "sampling.frequency_penalty": [drawn({ frequencyPenalty: 2 }), drawn()],
  "sampling.repeat_penalty": [drawn({ repeatPenalty: 1.9 }), drawn()],
  "sampling.repeat_last_n": [drawn({ presencePenalty: 2, repeatLastN: 0 }), drawn({ presencePenalty: 2 })],
  "sampling.logit_bias": [drawn({ logitBias: { 100: 100 } }), drawn()],
  "sampling.xtc.probability": [drawn({ xtc: { probability: 1, threshold: 0.01 } }), drawn({ xtc: { probability: 0, threshold: 0.01 } })],
  "sampling.xtc.threshold": [drawn({ xtc: { probability: 1, threshold: 0.01 } }), drawn({ xtc: { probability: 1, threshold: 0.49 } })],
  max_tokens: [{ ...drawn(), maxTokens: 3 }, drawn()],
  stop: [{ ...drawn(), stop: ["a", "e", "i", "o", "n", "t", "s", "r"] }, drawn()],
  choices: [{ ...drawn(), choices: 2 }, drawn()],
  "raw_prompt.text": [raw("ab"), raw("cd")],
  "raw_prompt.token_ids.ids": [{ rawPrompt: { prompt: { case: "tokenIds", value: { ids: [100, 101] } } } }, raw("cd")],
  "raw_prompt.echo": [raw("ab", { echo: true }), raw("ab")],
  include_progress: [{ ...drawn(), includeProgress: true }, drawn()],
};

/** Honoured fields whose work other tests show, or whose value asks for what happens anyway. */
const shownElsewhere: Readonly<Record<string, string>> = {
  model: "lifecycle.test.ts",
  provider: "the route",
  "response_format.text": "text is what it writes",
  "raw_prompt.suffix": "generate.test.ts",
  priority: "queue.test.ts",
};

describe("the field table of local models", () => {
  it("says what becomes of every field, and speaks only of fields that exist", () => {
    expect(fieldPaths().filter((path) => fateOf(llamaCppFields, path) === undefined)).toEqual([]);
    const known = new Set(fieldPaths());
    expect(Object.keys(llamaCppFields).filter((path) => !known.has(path))).toEqual([]);
  });

  it("is proven for every field that it honours", () => {
    const honoured = contractPaths(llamaCppFields, "honoured").filter((path) => !(path in shownElsewhere));
    expect(Object.keys(proofs).toSorted()).toEqual(honoured.toSorted());
  });

  it.each(Object.entries(proofs))("honours %s", async (_path, [with_, without]) => {
    const [one, other] = [await answer(with_), await answer(without)];
    expect(one).not.toEqual(other);
    expect(await answer(without)).toEqual(other);
  });
});

async function answer(ask: Ask): Promise<unknown> {
  const request = create(ChatRequestSchema, { sampling: { temperature: 0 }, maxTokens: 16, ...ask, model: "tiny" } as Ask);
  const events = await answerOf(tiny.provider, request);
  return [textOf(events), textOf(events, 1), valuesOf(events, "finished").length, outlineOf(events).includes("progress")];
}
