import { expect, it } from "vitest";
import { banner } from "./banner.ts";

const facts = { name: "parley", version: "1", urls: ["http://h:1"], modelsDirectory: "/m", notes: [] };
const lines = (more: {
  readonly defaultModel: string | undefined;
  readonly defaultProvider: string;
  readonly upstreams: readonly string[];
}) => banner({ ...facts, ...more }).split("\n");

it("a start tells which upstreams there are and who answers by default", () => {
  const told = lines({ defaultModel: "gpt-4o-mini", defaultProvider: "openai", upstreams: ["openai", "vllm"] });
  expect(told).toContain("  model   gpt-4o-mini, by openai");
  expect(told).toContain("  behind  openai, vllm; ask for a model of one as openai/MODEL");
});

it("a start without upstreams tells of none", () => {
  const told = lines({ defaultModel: undefined, defaultProvider: "", upstreams: [] });
  expect(told).toContain("  model   none: name one in each request");
  expect(told.filter((line) => line.startsWith("  behind"))).toEqual([]);
});
