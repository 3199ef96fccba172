import type { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { chatRequestFromOpenAI } from "./request.ts";

const messages = [{ role: "user", content: "x" }];

/** A field, values that ask for something that is not done here, and values that ask for nothing. */
const refused: readonly (readonly [string, readonly unknown[], readonly unknown[]])[] = [
  ["truncate_prompt_tokens", [4, -1, 0], []],
  ["include_stop_str_in_output", [true, "yes"], [false]],
  ["allowed_token_ids", [[1]], [[]]],
  ["skip_special_tokens", [false, 0, "true"], [true]],
  ["spaces_between_special_tokens", [false], [true]],
  ["typical_p", [0.5, 0, "1"], [1]],
  ["length_penalty", [0.5, 0], [1]],
  ["samplers", [["top_k"], [], "k"], []],
  ["dynatemp_range", [0.5], [0]],
  ["dynatemp_exponent", [2, 0], [1]],
  ["echo", [true, 1], [false]],
  ["prompt", ["hi", ["hi"]], ["", []]],
  ["suffix", ["end"], [""]],
  ["include_reasoning", [false, 0], [true]],
  ["best_of", [2], [1, 0]],
  ["mirostat", [1, 2], [0]],
  ["top_n_sigma", [1], [0, -1]],
  ["n_probs", [3], [0]],
  ["return_token_ids", [true], [false]],
  ["documents", [[{ text: "x" }]], [[]]],
  ["web_search_options", [{}], []],
  ["function_call", ["auto", { name: "f" }], ["none"]],
];

describe("a field that would change the answer", () => {
  it.each(refused)("%s is refused by name where it asks for something", (name, asking, neutral) => {
    for (const value of asking) {
      const error = thrownBy({ [name]: value });
      expect([value, reasonOf(error), fieldOf(error as ConnectError)]).toEqual([value, "unsupported_field", name]);
      expect((error as ConnectError).rawMessage).toContain(`${name}: is not supported: `);
    }
    for (const value of [null, ...neutral]) expect([value, thrownBy({ [name]: value })]).toEqual([value, undefined]);
  });
});

describe("a field about cost, storage or length", () => {
  it.each([
    ["store", "yes"],
    ["service_tier", 1],
    ["service_tier", "express"],
    ["verbosity", "chatty"],
    ["verbosity", 7],
    ["prediction", "x"],
    ["prompt_cache_retention", 24],
    ["prompt_cache_options", []],
  ])("%s is refused as %j", (name, value) => {
    const error = thrownBy({ [name]: value });
    expect([reasonOf(error), fieldOf(error as ConnectError)]).toEqual(["invalid_request", name]);
  });
});

function thrownBy(fields: object): unknown {
  try {
    chatRequestFromOpenAI({ messages, ...fields });
    return undefined;
  } catch (error) {
    return error;
  }
}
