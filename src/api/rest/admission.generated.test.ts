import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultLimits } from "../../core/limits.ts";
import { openDoors, saying, type TestDoors } from "../../testing/test-doors.ts";
import { drain } from "../drain.ts";
import type { Doors } from "../exchange.ts";
import { routesOf } from "./router.ts";

// Every method of every path: the same limits, the same log line, the same drain, whatever is asked there; and refusals in the words of those who ask there.

const metricsText = async () => ({ contentType: "text/plain", body: "# metrics" });
const maxBodyBytes = 4096;
const maxJsonDepth = 16;
const scripted = { limits: defaultLimits, service: { models: {}, providers: {} }, drain: drain() } as unknown as Doors;
const operations = routesOf(scripted, { metricsText, areProbesAlone: false }).flatMap(({ path, methods, envelope, purpose = "other" }) =>
  Object.entries(methods).map(([method, { operation }]) => ({
    name: `${method} ${path}`,
    ...{ method, url: path.replace("{id}", "page.js"), envelope, purpose, hasBody: operation.body !== undefined },
  })),
);
const reading = operations.filter(({ hasBody }) => hasBody);

let doors: TestDoors;
beforeAll(async () => {
  doors = await openDoors(saying("x"), { metricsText, limits: { maxBodyBytes, maxJsonDepth } });
});
afterAll(() => doors.close());

const json = { "content-type": "application/json" };
const ajv = new Ajv2020({ strict: false });

type Row = (typeof operations)[number];

/** Asks, and expects a refusal in the route's own envelope. */
async function expectRefusal({ method, url, envelope }: Row, status: number, init: RequestInit, to = doors): Promise<Response> {
  const response = await fetch(to.url + url, { method, ...init });
  const text = await response.text();
  expect([response.status, text]).toEqual([status, expect.anything()]);
  if (method === "HEAD") return response;
  const isValid = ajv.compile(JSON.parse(JSON.stringify(envelope.schema)) as object);
  expect(isValid(JSON.parse(text)), `${text} ${JSON.stringify(isValid.errors)}`).toBe(true);
  return response;
}

describe("every route", () => {
  it.each(operations)("$name is written down once, by its name", async ({ name, method, url, hasBody, purpose }) => {
    const response = await fetch(doors.url + url, { method, ...(hasBody && { headers: json, body: "{}" }) });
    await response.arrayBuffer();
    const requestId = response.headers.get("x-request-id");
    // The line is written when the connection has taken all of the answer.
    await expect
      .poll(() => doors.log.filter(({ facts, message }) => facts["requestId"] === requestId && message === "request").length)
      .toBe(1);
    const line = doors.log.find(({ facts, message }) => facts["requestId"] === requestId && message === "request");
    expect(line?.facts["procedure"]).toBe(name);
    if (purpose === "probe") expect(line?.level).toBe("debug");
  });

  it.each(reading)("$name reads no more than the limits allow", async (row) => {
    await expectRefusal(row, 413, { headers: json, body: JSON.stringify({ model: "x".repeat(maxBodyBytes) }) });
    await expectRefusal(row, 400, { headers: json, body: "[".repeat(maxJsonDepth + 2) });
    await expectRefusal(row, 415, { headers: { "content-type": "multipart/form-data; boundary=x" }, body: "a=1" });
  });

  it.each(operations.filter(({ purpose }) => purpose === "call" || purpose === "management"))(
    "$name answers no page of a foreign origin",
    async (row) => {
      await expectRefusal(row, 403, { headers: { ...json, origin: "https://evil.example" }, ...(row.hasBody && { body: "{}" }) });
    },
  );

  it.each(operations.filter(({ purpose }) => purpose === "management"))(
    "$name changes nothing for who comes through a proxy without a key",
    async (row) => {
      await expectRefusal(row, 403, { headers: { ...json, "x-forwarded-for": "192.0.2.1" }, ...(row.hasBody && { body: "{}" }) });
    },
  );

  it.each(operations)("$name counts hops", async (row) => {
    const response = await fetch(doors.url + row.url, {
      method: row.method,
      headers: { ...json, "x-parley-hops": "9999" },
      ...(row.hasBody && { body: "{}" }),
    });
    await response.arrayBuffer();
    expect(response.status).toBeGreaterThanOrEqual(400);
  });
});
