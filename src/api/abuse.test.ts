import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { text } from "../core/events.ts";
import { attackPort, attacks, type Attack, type AttackName } from "../testing/attacks.ts";
import { done, openDoors, type TestDoors } from "../testing/test-doors.ts";

// Each attack once, against small limits. `npm run bench -- abuse` has them all at once, beside clients that mean well.

let doors: TestDoors;
/** What is asked with more than a word is answered without end. */
beforeEach(async ({ task }) => {
  // Floods are to be ended by what counts them, and not because nothing runs.
  const idleConnectionMs = /flood|bomb|frame/.test(task.name) ? 60_000 : 500;
  doors = await openDoors(
    async function* (request) {
      const part = request.messages[0]?.parts[0]?.part;
      const isLong = part?.case === "text" && part.value.text.includes(" ");
      yield text(0, "four ");
      if (isLong) for (;;) yield text(0, "four ");
      yield done(1);
    },
    {
      limits: {
        firstByteMs: 2000,
        headersMs: 250,
        bodyMs: 250,
        stalledReaderMs: 250,
        idleConnectionMs,
        connectionPingMs: 300,
        maxControlFrames: 500,
        maxControlBytes: 32_768,
        maxUnseenResets: 20,
      },
    },
  );
});
afterEach(() => doors.close());

/** What an attacker may send before it is cut off, bytes: where the server reads on until it looks, a machine's loopback brings much in that time. */
const mostBytes: Readonly<Partial<Record<AttackName, number>>> = {
  "WINDOW_UPDATE flood": 64 * 2 ** 20,
  "WINDOW_UPDATE flood beside calls": 64 * 2 ** 20,
};

const names = Object.keys(attacks) as AttackName[];
const stalled = names.filter((name) => name.startsWith("stalled"));
const loud = names.filter((name) => !stalled.includes(name));

async function isHealthy(): Promise<boolean> {
  const response = await fetch(`${doors.url}/v1/chat/completions`, {
    method: "POST",
    // On a connection of its own: the idle limit is short, and a client may lose the race against it.
    headers: { "content-type": "application/json", connection: "close" },
    body: JSON.stringify({ messages: [{ role: "user", content: "x" }] }),
  });
  return response.status === 200 && (await response.text()).includes("four");
}

describe("a client that means no good", () => {
  it.each(loud)("is cut off within the limits, and others are served: %s", async (name) => {
    const attack: Attack = attacks[name];
    const attacked = attackPort(doors.port, attack);
    expect(await isHealthy()).toBe(true);
    const { bytes } = await attacked.closed;
    expect(bytes).toBeLessThan(mostBytes[name] ?? 2 ** 20);
    expect(await isHealthy()).toBe(true);
  });

  it.each(stalled)("holds no call for longer than it may, and others are served: %s", async (name) => {
    const attacked = attackPort(doors.port, attacks[name]);
    const cutOff = () => doors.log.filter(({ facts }) => facts["status"] === "caller_gone").length;
    await expect.poll(cutOff, { timeout: 4000 }).toBe(name === "stalled gRPC streams" ? 100 : 1);
    expect(await isHealthy()).toBe(true);
    attacked.listen();
    await attacked.closed;
  });
});
