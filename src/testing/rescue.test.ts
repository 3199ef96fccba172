import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { grpcJsClient, type Client } from "./grpc-js-client.ts";
import { readGrpc, readRest } from "./read-chat.ts";
import { sixtyWords } from "./sixty-words.ts";
import { startTestServer, type TestServer } from "./test-server.ts";
import type { Answer, Fault, Question, Turn } from "./upstream/turn.ts";
import { startUpstream, type ScriptedUpstream } from "./upstream/upstream.ts";

/** The answer in pieces of some characters, as a stream tells it. */
const pieces = Array.from(sixtyWords.match(/.{1,6}/gsu) ?? []);
const reworded = sixtyWords.replace("Well", "Oh");

interface Helper {
  readonly kind: string;
  readonly answer: (question: Question) => Answer;
  /** Whether the answer comes to its end. */
  readonly isWhole: boolean;
}

const goesOn = ({ prefix }: Question): Answer => {
  if (prefix === "" || !sixtyWords.startsWith(prefix) || /\s$/u.test(prefix))
    throw new Error(`asked to go on from ${JSON.stringify(prefix)}`);
  return { text: sixtyWords.slice(prefix.length).match(/.{1,9}/gsu) ?? [] };
};
const helpers: Readonly<Record<string, Helper>> = {
  vllm: { kind: "vllm", answer: goesOn, isWhole: true },
  anthropic: { kind: "anthropic", answer: goesOn, isWhole: true },
  anew: { kind: "openai", answer: () => ({ text: sixtyWords.match(/.{1,11}/gsu) ?? [] }), isWhole: true },
  reworded: { kind: "openai", answer: () => ({ text: [reworded] }), isWhole: false },
};
const faults: Readonly<Record<string, (after: number) => Fault>> = {
  reset: (after) => ({ is: "reset", after }),
  cut: (after) => ({ is: "cut", after, isInside: true }),
  closed: (after) => ({ is: "cut", after, isInside: true, isAbrupt: true }),
  garbage: (after) => ({ is: "garbage", after }),
  stall: (after) => ({ is: "stall", after }),
  error: (after) => ({ is: "error-inside", cause: "server-error", after }),
  unfinished: () => ({ is: "no-finish" }),
};

/** Where every fault is met once, and a cut everywhere. */
const places = [
  ...Object.keys(faults).map((fault, index) => ({ fault, after: 5 + 6 * index })),
  ...pieces.map((_, index) => ({ fault: "cut", after: index + 2 })).filter(({ after }) => after % 6 === 0),
];
const cells = places.flatMap(({ fault, after }) =>
  Object.keys(helpers).flatMap((helper) => (["grpc", "rest"] as const).map((door) => ({ fault, after, helper, door }))),
);
type Cell = (typeof cells)[number];
const nameOf = ({ fault, after, helper, door }: Cell) => `${fault}-${after}-${helper}-${door}`;

describe("an answer that breaks off, over sockets", () => {
  let upstream: ScriptedUpstream;
  let server: TestServer;
  let chat: Client;
  beforeAll(async () => {
    const models = cells.flatMap((cell): [string, Turn][] => [
      [nameOf(cell), { answer: { text: pieces }, fault: faults[cell.fault]!(cell.after) }],
      [`${nameOf(cell)}-helper`, { answer: helpers[cell.helper]!.answer }],
    ]);
    // Fields that only vLLM knows are taken.
    upstream = await startUpstream({ models: Object.fromEntries(models), isStrict: false });
    const place = { baseUrl: upstream.url, apiKeys: ["sk-1"] };
    server = await startTestServer({
      config: {
        upstreams: cells.flatMap((cell) => [
          { name: nameOf(cell), kind: "openai", ...place, ...(cell.fault === "stall" && { idleSeconds: 1 }) },
          // One each: what goes on at an upstream is part of that one's budget.
          { name: `${nameOf(cell)}-helper`, kind: helpers[cell.helper]!.kind, ...place },
        ]),
        routes: cells.map((cell) => ({
          model: nameOf(cell),
          targets: [{ upstream: nameOf(cell) }, { upstream: `${nameOf(cell)}-helper`, model: `${nameOf(cell)}-helper` }],
          rescue: { attempts: 1 },
        })),
      },
    });
    chat = grpcJsClient(server.port, "parley.v1.ChatService");
  }, 60_000);
  afterAll(async () => {
    chat.close();
    await server.close();
    await upstream.close();
  });

  const read = (model: string, door: Cell["door"]) => {
    const asked = { model, words: "hi", maxTokens: 200 };
    return door === "grpc" ? readGrpc(chat, asked) : readRest(server.url, asked);
  };

  it.concurrent.each(cells.map((cell) => [nameOf(cell), cell] as const))(
    "%s",
    async (name, cell) => {
      const told = await read(name, cell.door);
      if (helpers[cell.helper]!.isWhole)
        expect(told).toMatchObject({ text: sixtyWords, isClean: true, error: "", served: { attempts: 2 } });
      else {
        expect(told).toMatchObject({ isClean: false, error: expect.stringContaining("it came in other words") });
        expect([told.text.length > 0, sixtyWords.startsWith(told.text)]).toEqual([true, true]);
      }
    },
    20_000,
  );

  it("says where it was spliced, and whose attempts they were is in the books", async () => {
    const cell = cells.find(({ helper, door }) => helper === "vllm" && door === "grpc")!;
    const name = nameOf(cell);
    const { served } = await read(name, "grpc");
    expect(served?.splices).toEqual([{ choice: 0, offset: expect.any(Number), provider: `${name}-helper`, model: `${name}-helper` }]);
    const page = await (await fetch(`${server.url}/metrics`)).text();
    expect(page).toContain(`llm_attempts_total{provider="${name}",model="${name}",outcome="provider_truncated"}`);
    expect(page).toContain(`llm_route_rescues_total{provider="${name}",model="${name}",outcome="continued"}`);
    const lines = server.log.filter(({ facts }) => facts["provider"] === name && facts["outcome"] !== undefined);
    expect(lines.map(({ level, message }) => [level, message])).toContainEqual(["info", "attempt"]);
    expect(inspect(server.log, { depth: 9 })).not.toContain("café");
  });
});
