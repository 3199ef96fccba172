import { afterEach, describe, expect, it } from "vitest";
import type { Fault, Turn } from "./turn.ts";
import { startUpstream, type ScriptedUpstream } from "./upstream.ts";

let upstream: ScriptedUpstream | undefined;
afterEach(() => upstream?.close());

/** What a reader gets of a chat in Ollama's format, whose frames are lines. */
async function read(
  turn: Turn,
  { isStream = true }: { readonly isStream?: boolean } = {},
): Promise<{ readonly text: string; readonly end: "ended" | "broken" | "refused" }> {
  const url = await start(turn);
  const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "hi" }], stream: isStream });
  const response = await fetch(`${url}/api/chat`, { method: "POST", body, redirect: "manual" }).catch(() => undefined);
  if (response === undefined) return { text: "", end: "refused" };
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const data of response.body ?? []) text += decoder.decode(data, { stream: true });
    return { text, end: "ended" };
  } catch {
    return { text, end: "broken" };
  }
}

async function start(...turns: Turn[]): Promise<string> {
  upstream = await startUpstream({ turns });
  return upstream.url;
}

const linesOf = (text: string) => text.split("\n").filter((line) => line !== "");

describe("what a scripted upstream does wrong", () => {
  it.each<[string, Fault, number, string]>([
    ["a reset after two frames", { is: "reset", after: 2 }, 2, "broken"],
    ["a cut inside the third frame", { is: "cut", after: 2, isInside: true }, 3, "ended"],
    ["a connection that closes", { is: "cut", after: 1, isAbrupt: true }, 1, "broken"],
    ["no end mark", { is: "no-end-mark" }, 3, "ended"],
    ["an error after a frame", { is: "error-inside", cause: "server-error", after: 1 }, 2, "ended"],
    ["a reset before the headers", { is: "reset", after: "nothing" }, 0, "refused"],
    ["a reset inside the headers", { is: "reset", after: "half-headers" }, 0, "refused"],
    ["a page", { is: "html" }, 1, "ended"],
    ["nothing", { is: "empty" }, 0, "ended"],
    ["an address that is elsewhere", { is: "redirect", to: "http://127.0.0.1:1/" }, 0, "ended"],
  ])("is %s", async (_name, fault, ...expected) => {
    const got = await read({ fault });
    expect([linesOf(got.text).length, got.end]).toEqual(expected);
  });

  it.each<[string, Fault, string]>([
    ["a reset", { is: "reset", after: 2 }, "broken"],
    ["an end that comes too early", { is: "cut", after: 2 }, "ended"],
    ["a connection that closes", { is: "cut", after: 2, isAbrupt: true }, "broken"],
  ])("is %s in the middle of an answer that comes whole", async (_name, fault, end) => {
    const got = await read({ fault }, { isStream: false });
    expect(got.end).toBe(end);
    expect(got.text).toMatch(/^\{"model":"m".*[^}]$/u);
  });

  it.each<Fault>([{ is: "no-headers" }, { is: "no-body" }, { is: "stall", after: 1 }, { is: "endless-comments", after: 1 }])(
    "is silence until somebody leaves, and tells who: $is",
    async (fault) => {
      const url = await start({ fault });
      const controller = new AbortController();
      const asked = fetch(`${url}/api/chat`, { method: "POST", body: '{"model":"m"}', signal: controller.signal }).then((response) =>
        response.text(),
      );
      await upstream?.held(1);
      controller.abort();
      await expect(asked).rejects.toThrow();
      expect(await upstream?.closed(1)).toMatchObject({ byClient: true });
      const [socket] = upstream?.sockets ?? [];
      expect(socket?.closedMs).toBeGreaterThan(socket?.openedMs ?? Infinity);
    },
  );

  it("is a line of the length that was asked for", async () => {
    const got = await read({ fault: { is: "huge-line", after: 0, bytes: 1_000_000 } });
    expect(got.text.length).toBeGreaterThan(1_000_000);
    expect(got.text).not.toContain("\n");
  });

  it("drips, packs, and says blank lines first, without changing a word", async () => {
    const plain = await read({});
    for (const turn of [
      { isDripped: true },
      { encoding: "gzip" },
      { encoding: "br" },
      { encoding: "zstd", isDripped: true },
      { prefix: "\n\n" },
    ] as const) {
      await upstream?.close();
      expect((await read(turn)).text.trimStart()).toBe(plain.text);
    }
  });

  it("waits at its gates, and goes on when they open", async () => {
    const gate = Promise.withResolvers<void>();
    const url = await start({ beforeFrame: (index) => (index === 1 ? gate.promise : undefined) });
    const response = await fetch(`${url}/api/chat`, { method: "POST", body: '{"model":"m"}' });
    const reader = response.body?.getReader();
    const first = await reader?.read();
    expect(linesOf(new TextDecoder().decode(first?.value))).toHaveLength(1);
    gate.resolve();
    while ((await reader?.read())?.done === false);
    expect(await upstream?.closed(1)).toMatchObject({ byClient: false });
  });

  it("goes by the number of the request, and by its model", async () => {
    upstream = await startUpstream({
      turns: [{ fault: { is: "refusal", cause: "unavailable" } }, {}],
      models: { sick: { fault: { is: "refusal", cause: "overloaded", status: 529 } } },
    });
    const ask = async (model: string) =>
      (await fetch(`${upstream?.url}/api/chat`, { method: "POST", body: JSON.stringify({ model }) })).status;
    expect([await ask("m"), await ask("sick"), await ask("m"), await ask("m")]).toEqual([503, 529, 200, 200]);
    expect(upstream.requests.map(({ model }) => model)).toEqual(["m", "sick", "m", "m"]);
  });
});
