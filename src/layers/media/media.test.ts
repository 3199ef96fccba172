import { createHook } from "node:async_hooks";
import { once } from "node:events";
import { createServer as createTlsServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { Role } from "../../../gen/parley/v1/messages_pb.ts";
import type { Limits } from "../../core/limits.ts";
import { fieldOf, reasonOf } from "../../core/reasons.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { hostileUrls } from "../../testing/hostile-urls.ts";
import { asking, layeredMedia, resolveHere } from "../../testing/media-layers.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { testCertificate, testKey } from "../../testing/test-certificate.ts";
import { getCACertificates, setDefaultCACertificates } from "node:tls";

const place = "messages[0].parts[0].image.url";

/** Counts every attempt of this process to connect by TCP. */
function countingConnects(): () => number {
  let count = 0;
  const hook = createHook({ init: (_id, type) => void (type === "TCPCONNECTWRAP" && count++) }).enable();
  onTestFinished(() => void hook.disable());
  return () => count;
}

describe("a corpus of hostile URLs", () => {
  let reached = 0;
  const bait = createServer((socket) => {
    reached += 1;
    socket.destroy();
  });
  beforeAll(async () => {
    bait.listen(0, "::");
    await once(bait, "listening");
  });
  afterAll(() => void bait.close());
  const port = () => (bait.address() as AddressInfo).port;

  it("has at least 200", () => expect(new Set(hostileUrls({ port: 1 })).size).toBeGreaterThanOrEqual(200));

  it.each([
    ["without an allow-list", () => []],
    [
      "with one, and a resolver that leads to where nobody may go",
      () => ["images.example", "*.rebound.example", `images.example:${port()}`, `*.rebound.example:${port()}`],
    ],
  ])("makes no connection %s", async (_name, hostsOf) => {
    const connects = countingConnects();
    const { refusal, reached: inside } = layeredMedia({ hosts: hostsOf(), resolve: resolveHere });
    for (const url of hostileUrls({ port: port() })) {
      const error = await refusal(asking(url));
      expect([reasonOf(error), fieldOf(error)], url).toEqual(["invalid_request", place]);
      expect(error.rawMessage, url).not.toMatch(/127\.|::1|ECONN/);
    }
    expect([connects(), reached, inside]).toEqual([0, 0, []]);
  });
});

describe("media by URL", () => {
  const server = createTlsServer({ key: testKey, cert: testCertificate }, (request, response) => answer(request, response));
  let answer: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) => void response.end();
  let host = "";
  const before = getCACertificates();
  beforeAll(async () => {
    setDefaultCACertificates([...before, testCertificate]);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    host = `localhost:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    setDefaultCACertificates(before);
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });

  const png = (body: string | Uint8Array, type = "image/png") => {
    answer = (_request, response) => void response.setHeader("content-type", type).end(body);
  };
  const isAllowed = () => true;
  const opened = (limits: Partial<Limits> = {}) => layeredMedia({ hosts: [host], resolve: resolveHere, isAllowed, limits });

  it("reaches what follows as bytes, fetched once for each URL, without the caller's or anybody's credentials", async () => {
    const asked: IncomingMessage[] = [];
    answer = (request, response) => {
      asked.push(request);
      response.setHeader("content-type", "image/PNG; charset=x").end("bytes");
    };
    const { pass, reached } = opened();
    const url = `https://${host}/a?b=c`;
    const image = { part: { case: "image" as const, value: { source: { case: "url" as const, value: url }, fileName: "kept" } } };
    const result = { part: { case: "toolResult" as const, value: { toolCallId: "t", content: [image] } } };
    const request = userRequest("", { messages: [{ role: Role.USER, parts: [image, result] }] });
    await pass(request);
    const media = { source: { case: "data", value: new TextEncoder().encode("bytes") }, mimeType: "image/png", fileName: "kept" };
    const [message] = reached[0]?.messages ?? [];
    expect(message?.parts[0]?.part.value).toMatchObject(media);
    expect(message?.parts[1]?.part.value).toMatchObject({ content: [{ part: { value: media } }] });
    expect(asked.map(({ method, url: path }) => [method, path])).toEqual([["GET", "/a?b=c"]]);
    expect(Object.keys(asked[0]?.headers ?? {}).toSorted()).toEqual(["accept", "accept-encoding", "connection", "host", "user-agent"]);
    // The request itself is as it was.
    expect(request.messages[0]?.parts[0]).toMatchObject(image);
  });

  it("comes from the address that was looked at, whatever its name leads to a moment later", async () => {
    png("x");
    const answers = [["127.0.0.1"], ["10.0.0.1"]];
    const seen: string[] = [];
    const { pass, reached } = layeredMedia({
      hosts: [host],
      resolve: async () => (answers.shift() ?? []).map((address) => ({ address, family: 4 })),
      isAllowed: (address) => seen.push(address) > 0,
    });
    await pass(asking(`https://${host}/`));
    expect([seen, reached.length, answers.length]).toEqual([["127.0.0.1"], 1, 1]);
  });

  it("is refused where a name that led elsewhere leads to this machine at last", async () => {
    const connects = countingConnects();
    const { refusal } = layeredMedia({ hosts: [host], resolve: resolveHere });
    expect(fieldOf(await refusal(asking(`https://${host}/`)))).toBe(place);
    expect(connects()).toBe(0);
  });

  const bad: readonly [string, typeof answer, RegExp, Partial<Limits>?][] = [
    ["a redirect", (_, response) => void response.writeHead(302, { location: "https://localhost/other" }).end(), /redirect/],
    [
      "a redirect to a metadata service",
      (_, response) => void response.writeHead(307, { location: "http://169.254.169.254/" }).end(),
      /redirect/,
    ],
    ["a status that is no success", (_, response) => void response.writeHead(404).end(), /status 404/],
    ["no content", (_, response) => void response.writeHead(204).end(), /status 204/],
    ["a page", (_, response) => void response.setHeader("content-type", "text/html").end("<p>"), /type/],
    ["an SVG", (_, response) => void response.setHeader("content-type", "image/svg+xml").end("<svg/>"), /type/],
    ["no type", (_, response) => void response.end("x"), /type/],
    [
      "what it compressed",
      (_, response) => void response.writeHead(200, { "content-encoding": "gzip", "content-type": "image/png" }).end("x"),
      /compressed/,
    ],
    [
      "more than it may, announced",
      (_, response) => void response.setHeader("content-type", "image/png").end("x".repeat(2000)),
      /maxMediaBytes/,
      { maxMediaBytes: 1024 },
    ],
    [
      "more than it may, unannounced",
      (_, response) => (response.setHeader("content-type", "image/png").write("x".repeat(1000)), response.end("x".repeat(1000))),
      /maxMediaBytes/,
      { maxMediaBytes: 1024 },
    ],
    ["headers without end", (_, response) => void response.setHeader("x-long", "x".repeat(30_000)).end(), /does not answer/],
    [
      "half of it",
      (_, response) => (response.writeHead(200, { "content-length": 9, "content-type": "image/png" }).write("x"), response.destroy()),
      /does not answer/,
    ],
  ];
  it.each(bad)("is refused where its host sends %s", async (_what, answering, words, limits) => {
    answer = answering;
    const { refusal, reached } = opened(limits);
    const error = await refusal(asking(`https://${host}/`));
    expect([reasonOf(error), fieldOf(error), reached.length]).toEqual(["invalid_request", place, 0]);
    expect(error.rawMessage).toMatch(words);
  });

  it("is of the kind that its part says", async () => {
    png("x", "application/pdf");
    const { refusal, pass } = opened();
    await pass(asking(`https://${host}/`, "file"));
    expect(fieldOf(await refusal(asking(`https://${host}/`, "audio")))).toBe("messages[0].parts[0].audio.url");
  });

  it("is limited in number and size", async () => {
    png("x".repeat(600));
    const many = (count: number) =>
      userRequest("", {
        messages: [
          {
            role: Role.USER,
            parts: Array.from({ length: count }, (_, index) => ({
              part: { case: "image" as const, value: { source: { case: "url" as const, value: `https://${host}/${index}` } } },
            })),
          },
        ],
      });
    expect((await opened({ maxMediaFetches: 2 }).refusal(many(3))).rawMessage).toContain("limits.maxMediaFetches, 2");
    const error = await opened({ maxMediaBytes: 1024 }).refusal(many(2));
    expect([fieldOf(error), error.rawMessage]).toEqual(["messages[0].parts[1].image.url", expect.stringContaining("maxMediaBytes")]);
  });

  it("is given up after a time, and when the caller leaves", async () => {
    const clock = fakeClock();
    const asked = Promise.withResolvers<void>();
    answer = () => asked.resolve();
    const { refusal } = layeredMedia({ hosts: [host], resolve: resolveHere, isAllowed, clock, limits: { mediaMs: 50 } });
    const late = refusal(asking(`https://${host}/`));
    await asked.promise;
    clock.advance(50);
    expect((await late).rawMessage).toContain("limits.mediaMs, 50 ms");

    const gone = new AbortController();
    const again = Promise.withResolvers<void>();
    answer = () => again.resolve();
    const left = refusal(asking(`https://${host}/`), gone.signal);
    await again.promise;
    gone.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
  });
});
