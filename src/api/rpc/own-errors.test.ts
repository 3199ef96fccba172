import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromBinary } from "@bufbuild/protobuf";
import { BadRequestSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { openDoors, saying, type TestDoors } from "../../testing/test-doors.ts";

let doors: TestDoors;
beforeAll(async () => {
  doors = await openDoors(saying("hi"), { limits: { maxBodyBytes: 5000 } });
});
afterAll(() => doors.close());

describe("a call", () => {
  const envelope = (flag: number, ...bytes: number[]) => Uint8Array.of(flag, 0, 0, 0, bytes.length, ...bytes);
  it.each([
    ["a Protobuf message that does not parse", "Chat", "application/proto", Uint8Array.of(0xff, 0xff), '"invalid_argument"'],
    ["the same in a Connect stream", "Stream", "application/connect+proto", envelope(0, 0xff, 0xff), '"invalid_argument"'],
    ["the same over gRPC-Web", "Chat", "application/grpc-web+proto", envelope(0, 0xff, 0xff), "grpc-status: 3"],
    // The code is gRPC's own choice; the log goes by the reason.
    ["a compressed message without a compression", "Stream", "application/connect+json", envelope(1, 0x7b, 0x7d), '"internal"'],
    ["no message", "Chat", "application/grpc-web+proto", new Uint8Array(), "grpc-status: 12"],
    ["JSON that is not UTF-8", "Chat", "application/json", Buffer.from('{"model":"\xff"}', "latin1"), '"invalid_argument"'],
  ])("with %s is the caller's fault, and one line in the log", async (...[, method, type, body, told]) => {
    const before = doors.log.length;
    const response = await fetch(`${doors.url}/parley.v1.ChatService/${method}`, {
      method: "POST",
      headers: { "content-type": type },
      body: Buffer.from(body),
    });
    const answer = await response.text();
    expect(response.status).toBe(type === "application/json" || type === "application/proto" ? 400 : 200);
    expect(`${answer}grpc-status: ${response.headers.get("grpc-status")}`).toContain(told);
    await expect.poll(() => doors.log.slice(before)).toEqual([expect.objectContaining({ level: "info" })]);
    expect(doors.log.at(-1)?.facts["status"]).toBe("malformed_body");
  });

  it.each(["Chat", "Stream"])("%s with a misspelt field names it", async (method) => {
    const isStream = method === "Stream";
    const json = Buffer.from('{"modle":"tiny"}');
    const response = await fetch(`${doors.url}/parley.v1.ChatService/${method}`, {
      method: "POST",
      headers: { "content-type": isStream ? "application/connect+json" : "application/json" },
      body: isStream ? Buffer.from(envelope(0, ...json)) : json,
    });
    expect(await response.text()).toContain('"code":"invalid_argument","message":"modle: is no field of parley.v1.ChatRequest"');
  });

  it.each([
    ["Chat", '{"maxTokens":"many"}', "maxTokens", /^is not what parley\.v1\.ChatRequest has there: /],
    ["Stream", '{"maxTokens":"many"}', "maxTokens", /^is not what parley\.v1\.ChatRequest has there: /],
    ["Chat", '{"messages":[{"parts":5}]}', "parts", /^is not what parley\.v1\.Message has there: /],
    ["Chat", '{"messages":5}', "messages", /^is not what parley\.v1\.ChatRequest has there: /],
    [
      "Chat",
      '{"sampling":{"temperature":"a secret"}}',
      "temperature",
      /^is not what parley\.v1\.Sampling has there: expected number \(float64\)$/,
    ],
    [
      "Chat",
      JSON.stringify({ sampling: { seed: "9".repeat(3000) } }),
      "seed",
      /^is not what parley\.v1\.Sampling has there: expected bigint \(int64\)$/,
    ],
  ])("%s with a value of another type names its field: %.60s", async (method, text, field, description) => {
    const isStream = method === "Stream";
    const json = Buffer.from(text);
    const response = await fetch(`${doors.url}/parley.v1.ChatService/${method}`, {
      method: "POST",
      headers: { "content-type": isStream ? "application/connect+json" : "application/json" },
      body: isStream ? Buffer.from(envelope(0, ...json)) : json,
    });
    const answer = (await response.text()).replace(/^[^{]*/, "");
    const { details, code } = (isStream ? JSON.parse(answer).error : JSON.parse(answer)) as {
      code: string;
      details: { debug?: object; type: string; value: string }[];
    };
    expect(code).toBe("invalid_argument");
    const bytes = details.find(({ type }) => type === "google.rpc.BadRequest")?.value ?? "";
    const [violation] = fromBinary(BadRequestSchema, Buffer.from(bytes, "base64")).fieldViolations;
    expect(violation).toMatchObject({
      field: expect.stringMatching(new RegExp(`^(max_tokens|${field})$`)),
      description: expect.stringMatching(description),
    });
  });

  it.each(["gzip", "br"])("whose error is so long that it was compressed with %s gets it named all the same", async (encoding) => {
    const response = await fetch(`${doors.url}/parley.v1.ChatService/Chat`, {
      method: "POST",
      headers: { "content-type": "application/json", "accept-encoding": encoding },
      body: JSON.stringify({ ["k".repeat(3000)]: 1 }),
    });
    expect(await response.json()).toMatchObject({ code: "invalid_argument", message: expect.stringMatching(/^k{128}: is no field/) });
  });
});
