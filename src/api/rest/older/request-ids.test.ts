import { request } from "node:http";
import { expect, it, onTestFinished, vi } from "vitest";
import { reasonOf } from "../../../core/reasons.ts";
import { thrownBy } from "../../../testing/thrown-by.ts";
import { openDoors, saying } from "../../../testing/test-doors.ts";
import { RequestIds } from "./request-ids.ts";

it("an id is one tenant's, taken while its call runs, and free again when that had no answer", () => {
  const ids = new RequestIds();
  const first = ids.take("a", "1");
  expect(reasonOf(thrownBy(() => ids.take("a", "1")))).toBe("idempotency_conflict");
  ids.take("b", "1").leave();
  first.leave();
  const second = ids.take("a", "1");
  second.keep();
  second.leave();
  expect(reasonOf(thrownBy(() => ids.take("a", "1")))).toBe("unimplemented");
  ids.take("b", "1").leave();
});

it("ids of the last 10,000 answers are remembered, so that their memory has an end", () => {
  const ids = new RequestIds();
  for (let number = 0; number <= 10_000; number++) {
    const taken = ids.take("a", String(number));
    taken.keep();
    taken.leave();
  }
  ids.take("a", "0").leave();
  expect(reasonOf(thrownBy(() => ids.take("a", "1")))).toBe("unimplemented");
});

const invoke = async (url: string, body: object) => (await fetch(`${url}/invoke`, { method: "POST", body: JSON.stringify(body) })).status;

it("programs without a key that number their calls alike are served both, and what one of them repeats is refused", async () => {
  const { url, close } = await scripted("x");
  onTestFinished(close);
  expect(await invoke(url, { request_id: "1", user_prompt: "of one" })).toBe(200);
  expect(await invoke(url, { request_id: "1", user_prompt: "of the other" })).toBe(200);
  expect(await invoke(url, { request_id: "1", user_prompt: "of one" })).toBe(501);
});

it("a client that was cut off while its answer was sent asks again", async () => {
  const { url, close } = await scripted("x".repeat(24_000_000));
  onTestFinished(close);
  const body = { request_id: "1", user_prompt: "hello" };
  await new Promise<void>((resolve) => {
    const asking = request(`${url}/invoke`, { method: "POST", agent: false }, () => (asking.destroy(), resolve()));
    asking.on("error", () => {}).end(JSON.stringify(body));
  });
  // Until the service has heard of it, the call runs.
  const again = await vi.waitUntil(async () => [await invoke(url, body)].find((status) => status !== 409), { timeout: 10_000 });
  expect(again).toBe(200);
});

async function scripted(answer: string) {
  const doors = await openDoors(saying(answer));
  return { url: doors.url, close: () => doors.close() };
}
