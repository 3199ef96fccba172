import { create } from "@bufbuild/protobuf";
import { describe, expect, it, vi } from "vitest";
import { Capability, ModelSchema, ModelState } from "../../../gen/parley/v1/models_pb.ts";
import type { Provider } from "../../core/ports.ts";
import { fault, reasonOf } from "../../core/reasons.ts";
import { failureOf } from "../../testing/collect-events.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { recordingLog } from "../../testing/recording-log.ts";
import { mostListed, remoteModels } from "./remote-models.ts";

type List = Provider["listModels"];
const lists =
  (...ids: string[]): List =>
  async () =>
    ids.map((id) => create(ModelSchema, { id, capabilities: [Capability.VISION] }));
const fails: List = async () => {
  throw fault("provider_credentials", "the key is wrong");
};
const never: List = () => new Promise(() => {});
const { signal } = new AbortController();

const setUp = (...upstreams: readonly { readonly name: string; readonly keys: readonly List[]; readonly models?: readonly string[] }[]) => {
  const clock = fakeClock();
  const { log, lines } = recordingLog();
  let asked = 0;
  const counted =
    (list: List): List =>
    (given) => (asked++, list(given));
  const remote = remoteModels({
    upstreams: upstreams.map(({ name, keys, models = [] }) => ({
      ...{ name, models, defaultModel: undefined, hasKeys: true },
      providers: keys.map((list) => ({
        name,
        fields: {},
        generate: async function* () {},
        listModels: counted(list),
        close: async () => {},
      })),
    })),
    ...{ clock, log, limits: { listModelsMs: 1000, keptModelListMs: 5000 } },
  });
  return { remote, clock, lines, asked: () => asked, ids: async () => (await remote.list(signal)).map(({ id }) => id) };
};

describe("the models of upstreams", () => {
  it("are listed by ids that can be asked for, as theirs and ready", async () => {
    const { remote, ids } = setUp({ name: "a", keys: [lists("m", "org/m", "~odd", "../up")] });
    expect(await ids()).toEqual(["a/m", "a/org/m"]);
    const [model] = await remote.list(signal);
    expect(model).toMatchObject({ provider: "a", ownedBy: "a", state: ModelState.READY, capabilities: [Capability.VISION], aliases: [] });
    expect([remote.idOf("a", "m"), remote.idOf("b", "m")]).toEqual(["a/m", undefined]);
  });

  it("are those that the configuration names, by their own names, where it names some: nobody is asked", async () => {
    const { remote, ids, asked } = setUp({ name: "a", keys: [fails], models: ["m"] });
    expect([await ids(), asked(), remote.idOf("a", "m"), remote.idOf("a", "n")]).toEqual([["m"], 0, "m", "a/n"]);
  });

  it("are asked for once in a while, however many want to know, by all at once", async () => {
    const { clock, ids, asked } = setUp({ name: "a", keys: [lists("m")] }, { name: "b", keys: [lists("n")] });
    expect(await Promise.all([ids(), ids()])).toEqual([
      ["a/m", "b/n"],
      ["a/m", "b/n"],
    ]);
    clock.advance(4999);
    await ids();
    expect(asked()).toBe(2);
    clock.advance(1);
    await ids();
    expect(asked()).toBe(4);
  });

  it("are told by the first key that is served", async () => {
    const { ids, lines, asked } = setUp({ name: "a", keys: [fails, lists("m"), lists("n")] });
    expect([await ids(), asked(), lines]).toEqual([["a/m"], 2, []]);
  });

  it("of a long list are the first", async () => {
    const { ids } = setUp({ name: "a", keys: [lists(...Array.from({ length: mostListed + 1 }, (_, index) => `m${index}`))] });
    expect(await ids()).toHaveLength(mostListed);
  });
});

describe("an upstream that does not answer", () => {
  it("is left out, and logged once until it answers again", async () => {
    let list: List = fails;
    const { clock, ids, lines } = setUp({ name: "a", keys: [(given) => list(given)] }, { name: "b", keys: [lists("n")] });
    const later = async (next: List) => {
      list = next;
      clock.advance(5000);
      return ids();
    };
    expect(await ids()).toEqual(["b/n"]);
    expect(await later(fails)).toEqual(["b/n"]);
    expect(lines).toMatchObject([{ level: "warn", facts: { provider: "a", reason: "provider_credentials" } }]);
    expect(await later(lists("m"))).toEqual(["b/n"]);
    await vi.waitFor(async () => expect(await ids()).toEqual(["a/m", "b/n"]));
    await later(fails);
    expect(lines).toHaveLength(2);
  });

  it("is waited for once, and asked again behind that", async () => {
    const { clock, ids, asked } = setUp({ name: "a", keys: [never] });
    const first = ids();
    clock.advance(1000);
    expect(await first).toEqual([]);
    clock.advance(5000);
    expect([await ids(), await ids(), asked()]).toEqual([[], [], 2]);
  });

  it("holds nobody up beyond its limit, nor a caller who leaves", async () => {
    const { remote, clock, ids, lines } = setUp({ name: "a", keys: [never, never] });
    const leaving = new AbortController();
    const left = failureOf(remote.list(leaving.signal));
    leaving.abort(fault("caller_gone", "left"));
    expect(reasonOf(await left)).toBe("caller_gone");
    const waiting = ids();
    clock.advance(1000);
    expect(await waiting).toEqual([]);
    expect(lines).toMatchObject([{ facts: { reason: "provider_timeout" } }]);
    expect(await remote.listOf("a", signal)).toBeUndefined();
  });
});
