import { expect, it } from "vitest";
import { openDoors, saying } from "../../testing/test-doors.ts";

const messages = [{ role: "user", content: "hi" }];

it.each<[string, object, object]>([
  ["/v1/chat/completions", { messages, reasoning_effort: "none" }, { messages, reasoning_effort: "low" }],
  ["/v1/responses", { input: "hi", reasoning: { effort: "none" } }, { input: "hi", reasoning: { effort: "low" } }],
  ["/api/chat", { messages, think: false }, { messages, think: true }],
])("%s can do without its wish for no thinking, and not without one for thinking", async (path, off, on) => {
  const offered: unknown[] = [];
  const doors = await openDoors((request, context) => {
    offered.push(context.concessions?.map(({ field }) => field));
    return saying("hi")(request, context);
  });
  for (const body of [off, on])
    await fetch(doors.url + path, { method: "POST", body: JSON.stringify({ model: "tiny", stream: false, ...body }) });
  expect(offered).toEqual([["reasoning.effort", "reasoning"], []]);
  await doors.close();
});
