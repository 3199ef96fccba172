import { request, type IncomingHttpHeaders } from "node:http";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { lastLineFact } from "../../core/last-line.ts";
import { fault, reasons, type Reason } from "../../core/reasons.ts";
import { defaultLimits } from "../../core/limits.ts";
import { openDoors, saying, type TestDoors } from "../../testing/test-doors.ts";
import { drain } from "../drain.ts";
import type { Doors, Exchange } from "../exchange.ts";
import type { Envelope } from "./envelope.ts";
import { envelopeOf } from "./families.ts";
import { routesOf } from "./router.ts";

// Every path that there is by every method that there is, and paths beside them that are not there.

const metricsText = async () => ({ contentType: "text/plain", body: "# metrics" });
const scripted = { clock: systemClock, limits: defaultLimits, service: { models: {}, providers: {} }, drain: drain() } as unknown as Doors;
const routes = routesOf(scripted, { metricsText, areProbesAlone: false }).map((route) => ({
  ...route,
  allowed: [...Object.keys(route.methods), ...("GET" in route.methods && !("HEAD" in route.methods) ? ["HEAD"] : []), "OPTIONS"],
}));

let doors: TestDoors;
beforeAll(async () => {
  doors = await openDoors(saying("x"), { metricsText });
});
afterAll(() => doors.close());

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Asks with any method, as no client of JavaScript lets one. */
function ask(method: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(doors.url + path, { method, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    asked.on("error", reject).end();
  });
}

const ajv = new Ajv2020({ strict: false });

function expectEnvelope({ schema }: Envelope, { headers, text }: Answer): void {
  expect(headers["content-type"]).toBe("application/json");
  expect(headers["x-request-id"]).toMatch(/^req_[0-9a-f]{32}$/);
  const isValid = ajv.compile(JSON.parse(JSON.stringify(schema)) as object);
  expect(isValid(JSON.parse(text)), `${text} ${JSON.stringify(isValid.errors)}`).toBe(true);
}

/** What clients are told of an error: status, body without its time, and headers. */
function toldBy({ statusOf, bodyOf, headersOf }: Envelope, error: ReturnType<typeof fault>): unknown {
  const exchange = { call: { requestId: "req_1", startedMs: 0 } } as unknown as Exchange;
  return [statusOf(error), JSON.stringify(bodyOf(error, exchange)).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME"), headersOf?.(exchange)];
}

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"];
const real = (path: string) => path.replace("{id}", "page.js");

describe("a path", () => {
  it.each(routes)("$path answers other methods with 405 and those that it allows", async ({ path, allowed, envelope }) => {
    for (const method of methods.filter((each) => !allowed.includes(each))) {
      const answer = await ask(method, real(path));
      expect([method, answer.status, answer.headers["allow"]]).toEqual([method, 405, allowed.join(", ")]);
      expectEnvelope(envelope, answer);
      expect(answer.text).toContain(method);
    }
  });

  it.each(routes)("$path tells the methods that it allows, and is refused by HEAD where it is not read", async ({ path, allowed }) => {
    const { status, headers, text } = await ask("OPTIONS", real(path));
    expect([status, headers["allow"], text]).toEqual([204, allowed.join(", "), ""]);
    const head = await ask("HEAD", real(path));
    expect(head.text).toBe("");
    if (!allowed.includes("HEAD")) expect([head.status, head.headers["allow"]]).toEqual([405, allowed.join(", ")]);
  });

  it.each(routes.filter(({ methods: served }) => served["GET"] !== undefined))(
    "$path answers HEAD as GET, without a body",
    async ({ path }) => {
      const [get, head] = [await ask("GET", real(path)), await ask("HEAD", real(path))];
      const told = ({ status, headers: { "content-type": type, "cache-control": cache } }: Answer) => [status, type, cache];
      expect([told(head), head.text]).toEqual([told(get), ""]);
    },
  );

  it.each(routes.filter(({ path }) => path !== "/" && !path.endsWith("{id}")))(
    "$path has nothing below it that is not told of",
    async ({ path }) => {
      const below = `${path}/no/such/thing`;
      if (routes.some(({ path: other }) => other.endsWith("{id}") && below.startsWith(other.slice(0, -"{id}".length)))) return;
      for (const method of ["GET", "POST", "TRACE"]) {
        const answer = await ask(method, below);
        expect([method, below, answer.status]).toEqual([method, below, 404]);
        expectEnvelope(envelopeOf(below), answer);
      }
    },
  );

  it.each(routes)("$path fails in the words of those whose path it is, known or not", ({ path, envelope }) => {
    const known = envelopeOf(path);
    expect(known.schema).toEqual(envelope.schema);
    for (const reason of Object.keys(reasons) as Reason[]) {
      const error = fault(reason, "no", { metadata: lastLineFact("the last line") });
      expect([reason, toldBy(known, error)]).toEqual([reason, toldBy(envelope, error)]);
    }
  });
});
