import { describe, expect, it } from "vitest";
import { reasonOf, reasons } from "../core/reasons.ts";
import { faultOfStatus, heardText } from "./upstream-fault.ts";

const asked = { provider: "one", model: "m", isCallersKey: false };

describe("what an upstream says", () => {
  it.each([
    ["Incorrect API key provided: sk-proj-abc***********wxyz, see", "Incorrect API key provided: ***, see"],
    ["got Bearer abc.def", "got ***"],
    ["token hf_abcdefghijklmnop is gated", "token *** is gated"],
    ["model: claude-haiku-4-5-20251001", "model: claude-haiku-4-5-20251001"],
    ["two\r\n lines\u0000\tand \u001b[31m", "two lines and [31m"],
    ["<!DOCTYPE html><p>no", ""],
    ["half \ud83d", "half \ufffd"],
  ])("is heard without keys, lines and pages: %j", (words, heard) => {
    expect(heardText(words, undefined)).toBe(heard);
  });

  it("is heard up to a bound, however long it is", () => {
    expect(Buffer.byteLength(heardText("ü".repeat(1_000_000), undefined))).toBeLessThanOrEqual(300);
    expect(heardText({ a: 1 }, undefined)).toBe("");
  });
});

describe("a status", () => {
  it.each([
    [400, "invalid_request"],
    [401, "provider_credentials"],
    [402, "provider_rate_limited"],
    [403, "provider_credentials"],
    [404, "provider_malformed"],
    [408, "provider_timeout"],
    [413, "context_length_exceeded"],
    [422, "invalid_request"],
    [429, "provider_rate_limited"],
    [500, "provider_error"],
    [502, "provider_error"],
    [503, "provider_unavailable"],
    [504, "provider_error"],
    [529, "provider_unavailable"],
    [200, "provider_malformed"],
    [302, "provider_malformed"],
  ])("%i alone means %s, and names the upstream", (status, reason) => {
    const error = faultOfStatus({ status, words: "" }, asked);
    expect(reasonOf(error)).toBe(reason);
    expect(error.rawMessage).toMatch(/\bone\b/);
  });

  it("of an upstream's failure lets another be asked", () => {
    for (const status of [401, 402, 403, 408, 429, 500, 502, 503, 529, 302])
      expect(reasons[reasonOf(faultOfStatus({ status, words: "" }, asked))].movesOn).toBe(true);
  });
});

it("the key that was sent is heard nowhere, and our own words and codes stay what they are", () => {
  const key = "swordfish-42";
  const keyed = { ...asked, key };
  const told = faultOfStatus({ status: 400, words: `no ${key}, ${"x".repeat(290 - key.length)}${key}` }, keyed).rawMessage;
  expect(told).toContain("no ***,");
  expect(told).not.toContain("swordfish");
  // A key that is a word of ours, and one that is no secret.
  expect(faultOfStatus({ status: 500, words: "x" }, { ...keyed, key: "failed with status" }).rawMessage).toContain(
    "failed with status 500",
  );
  expect(heardText("the model_not_found", "model")).toBe("the model_not_found");
});

it.each(["<html>404</html>", "", "Not Found", "404 page not found"])("a path that is not there is no missing model: %s", (words) => {
  expect(reasonOf(faultOfStatus({ status: 404, words }, asked))).toBe("provider_malformed");
  expect(reasonOf(faultOfStatus({ status: 404, words: "model: m" }, asked))).toBe("model_not_found");
});
