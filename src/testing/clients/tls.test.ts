import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { connect, type ConnectionOptions } from "node:tls";
import { once } from "node:events";
import { credentials } from "@grpc/grpc-js";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import OpenAI from "openai";
import { Agent, fetch as undiciFetch } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChatService } from "../../../gen/parley/v1/chat_pb.ts";
import { authority } from "../certificates.ts";
import { eventsOf, textOf } from "../collect-events.ts";
import { call, grpcJsClient, read, stream } from "../grpc-js-client.ts";
import { userRequest } from "../sample-request.ts";
import { sharedFolder } from "../temporary-folder.ts";
import { startTestServer, type TestServer } from "../test-server.ts";
import { run } from "../tools.ts";

const folder = sharedFolder();
const ours = authority("ours");
const ca = ours.certificate;
const caFile = join(folder, "ca.pem");

let server: TestServer;
beforeAll(async () => {
  const { certificate, key } = ours.issue(["localhost", "127.0.0.1"]);
  const files = { "ca.pem": ca, "tls.crt": certificate, "tls.key": key };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const tls = { certFile: join(folder, "tls.crt"), keyFile: join(folder, "tls.key") };
  server = await startTestServer({ config: { http: { tls, adminPort: 0 } } });
});
afterAll(() => server.close());

const transports: readonly (readonly [string, (baseUrl: string) => Transport])[] = [
  ["Connect, HTTP/1.1", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { ca } })],
  ["Connect, HTTP/2", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2", nodeOptions: { ca } })],
  ["gRPC-Web, HTTP/1.1", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { ca } })],
  ["gRPC-Web, HTTP/2", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2", nodeOptions: { ca } })],
  ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl, nodeOptions: { ca } })],
];

describe("over TLS, on the one port", () => {
  it("says https in its urls, and leaves the port for probes without", async () => {
    expect(server.url).toBe(`https://127.0.0.1:${server.port}`);
    const [admin = ""] = server.server.adminUrls;
    expect((await fetch(`${admin}/livez`)).status).toBe(200);
  });

  it.each(transports)("connect-node chats by %s", async (_name, transportTo) => {
    const chat = createClient(ChatService, transportTo(server.url));
    const answer = await chat.chat(userRequest("say it", { model: "echo" }));
    expect(answer.choices[0]?.message?.parts[0]?.part.value).toMatchObject({ text: "say it" });
    expect(textOf(await eventsOf(chat.stream(userRequest("one two", { model: "echo" }))))).toBe("one two");
  });

  it("grpc-js chats", async () => {
    const chat = grpcJsClient(server.port, "parley.v1.ChatService", { shown: credentials.createSsl(Buffer.from(ca)) });
    const user = { model: "echo", messages: [{ role: "ROLE_USER", parts: [{ text: { text: "say it" } }] }] };
    expect((await call(chat, "Chat", user)).answer).toMatchObject({ choices: [{ message: { parts: [{ text: { text: "say it" } }] } }] });
    expect((await read(stream(chat, "Stream", user))).at(-1)).toMatchObject({ event: "completed" });
    chat.close();
  });

  it("openai-node chats, whole and streamed", async () => {
    const dispatcher = new Agent({ connect: { ca } });
    const fetchWithIt = ((url: string, init: object) => undiciFetch(url, { ...init, dispatcher })) as unknown as typeof fetch;
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", fetch: fetchWithIt });
    const messages = [{ role: "user" as const, content: "say it" }];
    expect((await client.chat.completions.create({ model: "echo", messages })).choices[0]?.message.content).toBe("say it");
    let text = "";
    for await (const { choices } of await client.chat.completions.create({ model: "echo", messages, stream: true }))
      text += choices[0]?.delta.content ?? "";
    expect(text).toBe("say it");
    await dispatcher.close();
  });

  it.each([
    ["--http1.1", "1.1"],
    ["--http2", "2"],
  ])("curl %s gets what it asks for", async (flag, version) => {
    const words = ["-sS", flag, "--cacert", caFile, "-w", "\n%{http_version} %{http_code}", `${server.url}/v1/models`];
    const { stdout, stderr } = await run("curl", words);
    expect([stdout.split("\n").at(-1), stderr]).toEqual([`${version} 200`, ""]);
  });
});

describe("what TLS refuses", () => {
  const attempt = async (options: ConnectionOptions) => {
    const socket = connect({ ca, port: server.port, host: "127.0.0.1", ...options });
    const failed = once(socket, "error").then(([error]) => String((error as NodeJS.ErrnoException).code));
    const made = once(socket, "secureConnect").then(() => `${socket.getProtocol()} ${socket.alpnProtocol}`);
    made.catch(() => {});
    failed.catch(() => {});
    try {
      return await Promise.race([made, failed]);
    } finally {
      socket.destroy();
    }
  };

  it("versions before 1.2", async () => {
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    expect(await attempt(old)).toBe("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
    expect(await attempt({ maxVersion: "TLSv1.2" })).toBe("TLSv1.2 false");
  });

  it("protocols other than HTTP", async () => {
    expect(await attempt({ ALPNProtocols: ["spdy/3"] })).toBe("ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL");
    expect(await attempt({ ALPNProtocols: ["http/1.1", "h2"] })).toBe("TLSv1.3 h2");
  });

  it("requests without it", async () => {
    const socket = connectPlain(server.port, "127.0.0.1");
    let heard = "";
    socket.setEncoding("latin1").on("data", (text: string) => (heard += text));
    socket.on("error", () => {});
    socket.write("GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
    await once(socket, "close");
    expect(heard).not.toContain("HTTP/");
  });
});
