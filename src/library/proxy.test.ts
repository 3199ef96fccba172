import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { openTestLibrary } from "../testing/open-library.ts";

it("a pull from another machine goes through the proxy of the environment", async () => {
  const proxy = createServer().listen(0, "127.0.0.1");
  const asked: (string | undefined)[] = [];
  proxy.on("connect", ({ url }, socket) => {
    asked.push(url);
    socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  });
  await once(proxy, "listening");
  const variables = { HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
  const sources = [{ hub: "o/n", revision: "main", path: "a.gguf" }];
  const models = [{ id: "a", title: "A", licence: "MIT", file: "a.gguf", purpose: "chat", tried: false, sources }];
  const library = await openTestLibrary({ variables, hub: "https://hub.invalid", models });
  await expect(Array.fromAsync(library.pull("a", new AbortController().signal))).rejects.toThrow("no source gives a: the hub hub.invalid");
  expect(asked).toEqual(["hub.invalid:443"]);
  proxy.close();
});
