import { connect, type IncomingHttpHeaders } from "node:http2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rawClient } from "../testing/raw-client.ts";
import { openDoors, saying, type TestDoors } from "../testing/test-doors.ts";

const foreign = "https://evil.example";
const listed = "https://app.example";
const body = JSON.stringify({ messages: [{ role: "user", content: "x" }] });

let doors: TestDoors;
beforeAll(async () => {
  doors = await openDoors(saying("hi"), { corsOrigins: [listed] });
});
afterAll(() => doors.close());

/** What pages may send without asking first. */
function post(path: string, origin: string, type: string): Promise<Response> {
  return fetch(doors.url + path, { method: "POST", headers: { origin, "content-type": type }, body });
}

describe("a page of another origin", () => {
  it("does not make the model work over REST, in whatever type it sends", async () => {
    for (const type of ["text/plain", "application/json", "application/x-www-form-urlencoded"]) {
      const response = await post("/v1/chat/completions", foreign, type);
      const { error } = (await response.json()) as { error: Record<string, unknown> };
      expect([response.status, error["code"]]).toEqual([403, "permission_denied"]);
      expect(error["message"]).toContain("LLM_CORS_ORIGINS");
    }
    expect(doors.calls).toHaveLength(0);
  });

  it.each(["Chat", "Stream"])("does not make it work over Connect, gRPC-Web or gRPC: %s", async (method) => {
    const path = `/parley.v1.ChatService/${method}`;
    const connectType = method === "Chat" ? "application/json" : "application/connect+json";
    expect(await (await post(path, foreign, connectType)).text()).toMatch(/"code":\s*"permission_denied".*LLM_CORS_ORIGINS/);
    const web = await post(path, foreign, "application/grpc-web+proto");
    expect(web.headers.get("grpc-status") ?? (await web.text())).toMatch(/^7$|grpc-status: 7/);
    const session = connect(doors.url);
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", origin: foreign });
    const ended = new Promise<IncomingHttpHeaders>((resolve) => {
      stream.on("response", (headers) => headers["grpc-status"] !== undefined && resolve(headers));
      stream.on("trailers", resolve);
    });
    stream.resume();
    expect((await ended)["grpc-status"]).toBe("7");
    session.destroy();
    expect(doors.calls).toHaveLength(0);
  });

  it("changes no model", async () => {
    const response = await post("/parley.v1.ModelService/DeleteModel", foreign, "application/json");
    expect([response.status, await response.json()]).toEqual([403, expect.objectContaining({ code: "permission_denied" })]);
  });

  it("may send what changes nothing: reads and probes", async () => {
    for (const path of ["/v1/models", "/health"])
      expect((await fetch(doors.url + path, { headers: { origin: foreign } })).status).toBe(200);
    const health = { method: "POST", headers: { origin: foreign, "content-type": "application/json" }, body: "{}" };
    expect((await fetch(`${doors.url}/grpc.health.v1.Health/Check`, health)).status).toBe(200);
  });
});

describe("a page", () => {
  it("of a listed origin is answered", async () => {
    expect((await post("/v1/chat/completions", listed, "application/json")).status).toBe(200);
  });

  /** Status of a chat that names `host` as its target and comes from a page of `origin`. */
  async function statusOf(host: string, origin: string): Promise<string> {
    const client = await rawClient(doors.url);
    const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: ${host}\r\norigin: ${origin}\r\ncontent-length: ${body.length}\r\n\r\n`;
    client.send(head + body);
    const answer = await client.until(/^HTTP\/1\.1 \d+/);
    client.socket.destroy();
    return answer.slice(9, 12);
  }

  it.each([["127.0.0.1:8080"], ["localhost:8080"], ["LOCALHOST:8080"], ["[::1]:8080"], ["192.0.2.7"]])(
    "that was served from where it calls is answered at %s",
    async (host) => {
      expect(await statusOf(host, `http://${host.toLowerCase()}`)).toBe("200");
    },
  );

  it.each([
    ["rebound.example:8080", "http://rebound.example:8080"],
    ["localhost:8080", "http://localhost:3000"],
    ["localhost:8080", "https://localhost:8080"],
    ["localhost:8080", "http://127.0.0.1:8080"],
    ["localhost:8080", "null"],
    ["localhost.evil.example", "http://localhost.evil.example"],
  ])("that calls %s from %s is foreign", async (host, origin) => {
    expect(await statusOf(host, origin)).toBe("403");
  });
});
