import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished, vi } from "vitest";
import { serviceWith } from "../../../testing/upstream-service.ts";
import { plainNames } from "./names.ts";

// The tag `latest`, which Ollama's clients say with every name.

/** An upstream that lists its models when it is told to, and what it was asked for. */
async function listing(...ids: readonly string[]) {
  const asked: string[] = [];
  const { promise: mayList, resolve: list } = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.setHeader("content-type", "application/json");
    void mayList.then(() => response.end(JSON.stringify({ object: "list", data: ids.map((id) => ({ id, object: "model" })) })));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void (server.closeAllConnections(), server.close()));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, list };
}

it("is left out where nobody knows a model by it, and kept where somebody does", async () => {
  const upstream = await listing("org/mine:latest", "org/other");
  const { url, server } = await serviceWith(
    {},
    {
      aliases: { "nick:latest": "echo" },
      upstreams: [
        { name: "slow", kind: "openai", baseUrl: upstream.url },
        { name: "fixed", kind: "openai", baseUrl: upstream.url, models: ["own:latest"] },
      ],
      routes: [{ model: "way:latest", targets: [{ upstream: "fixed", model: "own:latest" }] }],
    },
    { models: { "a.file:latest": {} } },
  );
  const plain = plainNames({ service: server.service });
  // Its list has not come, and nobody waits for it.
  const body = JSON.stringify({ model: "echo:latest", prompt: "hi", stream: false });
  expect(await (await fetch(`${url}/api/generate`, { method: "POST", body })).json()).toMatchObject({ model: "echo:latest", done: true });
  const names = ["echo:latest", "nick:latest", "own:latest", "way:latest", "a.file:latest", ":latest", "other"];
  expect(names.map(plain)).toEqual(["echo", ...names.slice(1)]);
  expect(upstream.asked).toEqual([]);
  expect([plain("slow/org/mine:latest"), plain("slow/org/other:latest")]).toEqual(["slow/org/mine", "slow/org/other"]);
  upstream.list();
  await vi.waitFor(() => expect(plain("slow/org/mine:latest")).toBe("slow/org/mine:latest"));
  expect([plain("slow/org/other:latest"), upstream.asked.length]).toEqual(["slow/org/other", 1]);
});
