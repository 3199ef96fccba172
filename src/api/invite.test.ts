import { once } from "node:events";
import { connect } from "node:http2";
import { afterEach, expect, it } from "vitest";
import { rawClient } from "../testing/raw-client.ts";
import { openDoors, saying, type TestDoors } from "../testing/test-doors.ts";

const chat = JSON.stringify({ messages: [{ role: "user", content: "hello" }] });
const rpc = JSON.stringify({ messages: [{ role: "ROLE_USER", parts: [{ text: { text: "hello" } }] }] });
const paths: Readonly<Record<string, string>> = { "/v1/chat/completions": chat, "/parley.v1.ChatService/Chat": rpc };

let doors: TestDoors;
afterEach(() => doors.close());

it.each(Object.entries(paths))("a body that waits to be invited is, where it is read: %s", async (path, body) => {
  doors = await openDoors(saying("hi"));
  const client = await rawClient(doors.url);
  client.send(
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n`,
  );
  await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
  client.send(body);
  expect(await client.closed()).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
});

it.each([
  ["/v1/chat/completions", `content-length: ${64 * 1024 * 1024}`, 413],
  ["/v1/chat/completions", "content-length: 10\r\norigin: http://elsewhere.example", 403],
  ["/parley.v1.ChatService/Chat", "content-length: 10\r\norigin: http://elsewhere.example", 403],
  ["/nowhere", "content-length: 10", 404],
])("one that is refused by its head is not: %s, %s", async (path, header, status) => {
  doors = await openDoors(saying("hi"));
  const client = await rawClient(doors.url);
  client.send(
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${header}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n`,
  );
  expect(await client.closed()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
});

it("HTTP/1.0 knows no invitation", async () => {
  doors = await openDoors(saying("hi"));
  const client = await rawClient(doors.url);
  client.send(
    `POST /v1/chat/completions HTTP/1.0\r\nhost: localhost\r\ncontent-length: ${chat.length}\r\nexpect: 100-continue\r\n\r\n${chat}`,
  );
  expect(await client.closed()).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
});

it("it is invited over HTTP/2 too", async () => {
  doors = await openDoors(saying("hi"));
  const session = connect(doors.url);
  const stream = session.request({
    ":method": "POST",
    ":path": "/v1/chat/completions",
    "content-type": "application/json",
    expect: "100-continue",
  });
  await once(stream, "continue");
  stream.end(chat);
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  expect(headers[":status"]).toBe(200);
  session.destroy();
});
