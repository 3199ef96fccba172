import type { ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { drawnText, drawTokens, engineAsk, loadFile, plainPlan } from "../../testing/loaded-model.ts";
import { describeWithRealModel } from "../../testing/real-model.ts";
import type { LoadedModel } from "../model.ts";
import { writableGrammar } from "./writable.ts";

// A model is loaded, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

await describeWithRealModel("a vocabulary that lacks bytes", (path) => {
  let loaded: LoadedModel;
  beforeAll(async () => {
    loaded = await loadFile(path);
  });
  afterAll(() => loaded.dispose());
  // Its tokens hold no 0x04, and no 0xF1, with which planes 4 to 7 begin.
  const missing = ["\\U00050000", "\\x04"];
  const draw = (gbnf: string) => {
    const output = { ...plainPlan, grammarFields: ["response_format.json_schema"] };
    return drawTokens({ loaded, prompt: "say", request: engineAsk(), tokens: 8, output, before: () => gbnf });
  };

  it("goes another way where a grammar asks for what it cannot write", async () => {
    for (const character of missing) expect(drawnText(loaded, await draw(`root ::= "a${character}" | [${character}] | "ab"`))).toBe("ab");
  });

  it("refuses a grammar of which it can write nothing, by its field, and goes on", async () => {
    for (const character of missing) {
      const error = await draw(`root ::= "a" [${character}] "b"`).catch((reason: unknown) => reason);
      expect([reasonOf(error), fieldOf(error as ConnectError)]).toEqual(["invalid_request", "response_format.json_schema"]);
    }
    expect(drawnText(loaded, await draw('root ::= "\u00e9\u{1f600}"'))).toBe("\u00e9\u{1f600}");
  });

  it("leaves a grammar as it is of which it can write a part of every set", () => {
    const gbnf = 'root ::= [^a]* "b" .\n';
    expect(writableGrammar(loaded.model, gbnf)).toBe(gbnf);
  });
});
