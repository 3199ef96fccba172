import { expect, it } from "vitest";
import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { testContext } from "../testing/call-context.ts";
import { userRequest } from "../testing/sample-request.ts";
import { fieldOf, reasonOf } from "../core/reasons.ts";
import { thrownBy } from "../testing/thrown-by.ts";
import { keyTokens } from "./key-tokens.ts";

const caller = { tenant: "t", keyId: "k", scopes: [], models: undefined, isLoopback: false };

interface Given {
  readonly usual?: number;
  readonly limits?: { maxTokens?: number };
  readonly chats?: number;
  readonly isMaxTokensUsual?: boolean;
}

/** What is asked for behind the layer, of a key that allows ten tokens. */
function passed(
  given: { readonly maxTokens?: number; readonly choices?: number },
  { usual, limits = { maxTokens: 10 }, chats, isMaxTokensUsual }: Given = {},
): ChatRequest {
  const seen: ChatRequest[] = [];
  const layer = keyTokens(usual)((request) => (seen.push(request), (async function* () {})()));
  const request = userRequest("hi", given);
  const requests = chats === undefined ? undefined : Array.from({ length: chats }, () => request);
  layer(request, { ...testContext(request, { caller: { ...caller, limits } }), requests, isMaxTokensUsual });
  return seen[0] ?? expect.fail("nothing was passed on");
}

it.each([
  ["as it is, within the limit", { maxTokens: 10 }, {}, 10],
  ["the limit, where nothing is said", {}, {}, 10],
  ["what is usual, where that is less", {}, { usual: 4 }, 4],
  ["no more than the limit, where what is usual is more", {}, { usual: 400 }, 10],
  ["a share for each choice", { choices: 3 }, {}, 3],
  ["the limit, where the door's own number is more", { maxTokens: 16 }, { isMaxTokensUsual: true, usual: 4 }, 10],
  ["the door's own number, where that is less", { maxTokens: 8 }, { isMaxTokensUsual: true, usual: 4 }, 8],
  ["a share for each chat and choice", { choices: 2, maxTokens: 16 }, { isMaxTokensUsual: true, chats: 2 }, 2],
  ["as it is, of a key without the limit", {}, { limits: {} }, undefined],
])("asks for %s", (_, given, options, maxTokens) => {
  expect(passed(given, options).maxTokens).toBe(maxTokens);
});

it.each<[Parameters<typeof passed>[0], Given, string, string]>([
  [{ maxTokens: 11 }, {}, "max_tokens", "11 is more than"],
  [{ maxTokens: 4, choices: 3 }, {}, "max_tokens", "4 for each of 3 choices is more than"],
  [{ choices: 11 }, {}, "choices", "1 for each of 11 choices is more than"],
  [{ maxTokens: 3 }, { chats: 4 }, "max_tokens", "3 for each of 4 answers is more than"],
  [{ maxTokens: 16, choices: 3 }, { chats: 4, isMaxTokensUsual: true }, "choices", "1 for each of 12 answers is more than"],
  [{ maxTokens: 16 }, { chats: 11, isMaxTokensUsual: true }, "raw_prompt", "1 for each of 11 answers is more than"],
])("refuses %o with %o by its field, and tells the key's own limit", (...[request, given, field, words]) => {
  const error = thrownBy(() => passed(request, given));
  expect([reasonOf(error), fieldOf(error)]).toEqual(["permission_denied", field]);
  expect(error).toMatchObject({ message: expect.stringContaining(`${words} this key's limit maxTokens, 10 in all`) as string });
});
