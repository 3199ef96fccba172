import { expect, it } from "vitest";
import { openDoors, saying } from "../../testing/test-doors.ts";

const body = JSON.stringify({ model: "tiny", max_tokens: 9, stream: false, messages: [{ role: "user", content: "hi" }] });

it.each(["/v1/chat/completions", "/v1/messages", "/api/chat"])(
  "%s reads JSON whatever it is called, as curl -d calls it a form, and no form of several parts",
  async (path) => {
    const doors = await openDoors(saying("hi"));
    const statusOf = async (type: string) =>
      (await fetch(doors.url + path, { method: "POST", headers: { "content-type": type }, body })).status;
    const types = ["application/x-www-form-urlencoded", "application/x-ndjson", "text/html; charset=utf-8", "nonsense"];
    expect(await Promise.all(types.map(statusOf))).toEqual([200, 200, 200, 200]);
    expect(await Promise.all(["multipart/form-data; boundary=x", "application/json; charset=utf-16"].map(statusOf))).toEqual([415, 415]);
    expect(doors.calls).toHaveLength(types.length);
    await doors.close();
  },
);
