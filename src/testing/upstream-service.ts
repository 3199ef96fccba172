import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { JsonObject } from "@bufbuild/protobuf";
import { onTestFinished } from "vitest";
import type { Variables } from "../core/child-environment.ts";
import { startTestServer, type TestServerOptions } from "./test-server.ts";
import { startUpstream, type UpstreamOptions } from "./upstream/upstream.ts";

/** A scripted upstream of the lenient kind, closed at the end of the test. */
export async function upstreamFor(options: UpstreamOptions = {}) {
  const upstream = await startUpstream({ isStrict: false, ...options });
  onTestFinished(() => upstream.close());
  return upstream;
}

/** A server that has one model, whatever a request calls it: as small ones do, and those of OpenAI's own strictness do not. */
export async function oneModelServer() {
  const seen: unknown[] = [];
  const choice = { index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" };
  const server = createServer((request, response) => {
    void text(request).then((sent) => {
      seen.push({ path: request.url, authorization: request.headers.authorization, body: JSON.parse(sent) as unknown });
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ id: "1", object: "chat.completion", created: 1, model: "served", choices: [choice] }));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void (server.closeAllConnections(), server.close()));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

/** A service with these variables and this file, and a client of its REST door; closed at the end of the test. */
export async function serviceWith(environment: Variables, config: JsonObject = {}, more: TestServerOptions = {}) {
  const service = await startTestServer({ environment, config, ...more });
  onTestFinished(() => service.close());
  const { models } = service.server.service;
  const { signal } = new AbortController();
  return {
    ...service,
    models,
    signal,
    ask: async (body: JsonObject, headers: Readonly<Record<string, string>> = {}) => {
      const messages = [{ role: "user", content: "hi" }];
      const response = await fetch(`${service.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ messages, ...body }),
      });
      const answer = (await response.json()) as { readonly model?: string; readonly error?: { readonly message: string } };
      const by = ["provider", "model", "fallback"].map((name) => response.headers.get(`x-parley-${name}`)).join(" ");
      return { status: response.status, model: answer.model, by, error: answer.error?.message ?? "" };
    },
    listed: async () => (await models.list({ includeCatalog: false, signal })).filter(({ id }) => id !== "echo").map(({ id }) => id),
  };
}
