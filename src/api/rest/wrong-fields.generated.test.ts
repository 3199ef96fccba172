import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Agent, request } from "undici";
import { startDocumentedService } from "../../testing/documented-service.ts";
import { restDocument, type RestDocument, type RestOperation } from "../../testing/rest-document.ts";
import type { TestServer } from "../../testing/test-server.ts";
import { wrongBodies, type WrongBody } from "../../testing/wrong-bodies.ts";

// Every route that reads a body, each of its fields, and each wrong type or value of it: refused in the route's own words, and by name.

let server: TestServer;
let document: RestDocument;
const agent = new Agent({ connections: 8, headersTimeout: 10_000, bodyTimeout: 10_000 });
beforeAll(async () => {
  server = await startDocumentedService();
  document = await restDocument(server.url);
}, 60_000);
afterAll(async () => {
  await agent.close();
  await server.close();
});

/** What is wrong with the answer to a wrong body; undefined: nothing. */
async function complaintOf(operation: RestOperation, { path, field, wrong, body }: WrongBody): Promise<string | undefined> {
  const { method, path: route } = operation;
  const headers = { "content-type": "application/json" };
  const answer = await request(server.url + route, { dispatcher: agent, method, headers, body: JSON.stringify(fresh(body)) });
  const text = await answer.body.text();
  const told = `${path} = ${JSON.stringify(wrong)?.slice(0, 60)}: ${answer.statusCode} ${text.slice(0, 300)}`;
  if (answer.statusCode < 400 || answer.statusCode >= 500) return told;
  const problem = document.problemOf(operation, { status: answer.statusCode, type: String(answer.headers["content-type"]), text });
  if (problem !== undefined) return `${told}: ${problem}`;
  return wordsIn(JSON.parse(text)).some((words) => words.includes(field)) ? undefined : `${told} does not name ${field}`;
}

/** Where errors tell what is wrong, whosever they are. Their types and codes are no place to name a field in. */
const telling = new Set(["message", "param", "detail", "field", "error"]);

function wordsIn(error: unknown): string[] {
  return Object.entries(error as object).flatMap(([key, value]: [string, unknown]) => {
    if (typeof value === "object" && value !== null) return wordsIn(value);
    return telling.has(key) ? [String(value)] : [];
  });
}

let ids = 0;

/** With an id of its own, where it has one that is taken once. */
function fresh(body: unknown): unknown {
  const { request_id: id } = body as { readonly request_id?: unknown };
  return typeof id === "string" && id !== "" ? { ...(body as object), request_id: id.length > 255 ? id : `call-${(ids += 1)}` } : body;
}

async function complaintsOf(operation: RestOperation): Promise<{ readonly count: number; readonly complaints: readonly string[] }> {
  const { body: schema, example } = operation;
  const bodies = schema === undefined ? [] : [...wrongBodies(schema, example, document)];
  const complaints: string[] = [];
  const next = bodies.values();
  const work = async () => {
    for (const body of next) {
      const complaint = await complaintOf(operation, body);
      if (complaint !== undefined) complaints.push(complaint);
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  return { count: bodies.length, complaints };
}

describe("a body with one wrong field", () => {
  it("is refused by every route, which names the field", { timeout: 120_000 }, async () => {
    let count = 0;
    const complaints: string[] = [];
    for (const operation of document.operations.filter(({ body }) => body !== undefined)) {
      const found = await complaintsOf(operation);
      expect([operation.name, found.count]).toEqual([operation.name, expect.toSatisfy((each: number) => each > 20)]);
      count += found.count;
      complaints.push(...found.complaints.map((each) => `${operation.name} ${each}`));
    }
    expect(complaints.slice(0, 40)).toEqual([]);
    expect(count).toBeGreaterThan(15_000);
  });
});
