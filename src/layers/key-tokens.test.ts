import { expect, it } from "vitest";
import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { testContext } from "../testing/call-context.ts";
import { userRequest } from "../testing/sample-request.ts";
import { fieldOf, reasonOf } from "../core/reasons.ts";
import { thrownBy } from "../testing/thrown-by.ts";
import { keyTokens } from "./key-tokens.ts";

const caller = { tenant: "t", keyId: "k", scopes: [], models: undefined, isLoopback: false };

/** What is asked for behind the layer, of a key that allows ten tokens. */
function passed(
  given: { readonly maxTokens?: number; readonly choices?: number },
  { usual, limits = { maxTokens: 10 } }: { usual?: number; limits?: { maxTokens?: number } } = {},
): ChatRequest {
  const seen: ChatRequest[] = [];
  const layer = keyTokens(usual)((request) => (seen.push(request), (async function* () {})()));
  const request = userRequest("hi", given);
  layer(request, testContext(request, { caller: { ...caller, limits } }));
  return seen[0] ?? expect.fail("nothing was passed on");
}

it.each([
  ["as it is, within the limit", { maxTokens: 10 }, {}, 10],
  ["the limit, where nothing is said", {}, {}, 10],
  ["what is usual, where that is less", {}, { usual: 4 }, 4],
  ["no more than the limit, where what is usual is more", {}, { usual: 400 }, 10],
  ["a share for each choice", { choices: 3 }, {}, 3],
  ["as it is, of a key without the limit", {}, { limits: {} }, undefined],
])("asks for %s", (_, given, options, maxTokens) => {
  expect(passed(given, options).maxTokens).toBe(maxTokens);
});

it.each([
  [{ maxTokens: 11 }, "max_tokens"],
  [{ maxTokens: 4, choices: 3 }, "max_tokens"],
  [{ choices: 11 }, "choices"],
])("refuses %o by its field", (given, field) => {
  const error = thrownBy(() => passed(given));
  expect([reasonOf(error), fieldOf(error)]).toEqual(["permission_denied", field]);
});
