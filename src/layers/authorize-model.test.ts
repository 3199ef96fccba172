import { ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { chatKind } from "../core/kinds.ts";
import type { Generate } from "../core/work.ts";
import { testContext as contextOf } from "../testing/call-context.ts";
import { eventsOf } from "../testing/collect-events.ts";
import { userRequest } from "../testing/sample-request.ts";
import { authorizeModel } from "./authorize-model.ts";

const request = userRequest("hi");
const testContext = (given = {}) => contextOf(request, given);

describe("authorizeModel", () => {
  const asked: string[] = [];
  const inner: Generate = async function* (_request, { model }) {
    asked.push(model);
  };
  const layer: Generate = authorizeModel({
    defaultModel: (provider) => (provider === "echo" ? "echo" : "small"),
    leadsTo: (model, provider) => model === "small" && provider === "here",
  })(inner, chatKind);
  const caller = { tenant: "t", keyId: "k", scopes: [], models: ["small"], isLoopback: false };

  it("lets a key use what it lists, the default model by its own name", async () => {
    await eventsOf(layer(request, testContext({ caller })));
    expect(asked.at(-1)).toBe("small");
  });
  it("refuses another model", () => {
    expect(() => layer(request, { ...testContext({ caller }), model: "large" })).toThrow(ConnectError);
  });
  it("lets a caller without a list use any", async () => {
    await eventsOf(layer(request, { ...testContext(), model: "large" }));
    expect(asked.at(-1)).toBe("large");
  });
  it("lets a key name the provider that the name leads to, and none that has another model of that name", async () => {
    const at = (provider: string) => () => eventsOf(layer(userRequest("hi", { provider }), { ...testContext({ caller }), model: "small" }));
    await at("here")();
    expect(at("elsewhere")).toThrow('this key does not allow model "small" of provider "elsewhere"');
    const both = { ...caller, models: ["elsewhere/small"] };
    await eventsOf(layer(userRequest("hi", { provider: "elsewhere" }), { ...testContext({ caller: both }), model: "small" }));
    expect(asked.slice(-2)).toEqual(["small", "small"]);
  });
  it("settles the default of the provider that is named", async () => {
    await eventsOf(layer(userRequest("hi", { provider: "echo" }), testContext()));
    expect(asked.at(-1)).toBe("echo");
  });
});
