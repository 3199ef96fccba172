import { gzipSync } from "node:zlib";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { defaultLimits } from "../../core/limits.ts";
import { reasonOf } from "../../core/reasons.ts";
import { eventsOf, failureOf, iterate, textOf } from "../../testing/collect-events.ts";
import { chatRequest, openProviders, streaming, testProviders, whole } from "../../testing/http-provider.ts";

/** A provider in front of a server that sends this body, packed already. */
async function packed(body: Buffer, { type = "application/json", encoding = "gzip", options = {}, status = 200 } = {}) {
  const server = createServer((_, response) => {
    response.writeHead(status, { "content-type": type, "content-encoding": encoding });
    response.end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const [provider] = testProviders({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }, options);
  if (provider === undefined) throw new Error("no provider");
  onTestFinished(async () => {
    await provider.close();
    server.close();
  });
  return provider;
}

describe("an answer that is compressed", () => {
  it.each(["gzip", "deflate", "br", "zstd"] as const)("with %s is read as it comes, and whole", async (encoding) => {
    const gate = Promise.withResolvers<void>();
    const { upstream, provider } = await openProviders({
      upstream: { turns: [{ encoding }, { encoding, beforeFrame: (index) => (index === 3 ? gate.promise : undefined) }] },
    });
    expect(textOf(await eventsOf(provider.generate(chatRequest, whole())))).toBe("one two three");
    const events = iterate(provider.generate(chatRequest, streaming()));
    const first = await events.next();
    expect(first.value?.event.case).toBe("started");
    gate.resolve();
    expect(textOf(await eventsOf({ [Symbol.asyncIterator]: () => events }))).toBe("one two three");
    expect(upstream.connections.opened).toBe(1);
  });

  it("is held to its size when it is unpacked", async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000, " "));
    expect(bomb.length).toBeLessThan(100_000);
    const limits = { ...defaultLimits, maxUpstreamBodyBytes: 200_000, maxUpstreamLineBytes: 200_000 };
    const provider = await packed(bomb, { options: { limits } });
    const error = await failureOf(eventsOf(provider.generate(chatRequest, whole())));
    expect(error.findDetails(ErrorInfoSchema)[0]?.metadata["limit"]).toBe("maxUpstreamBodyBytes");
    const line = gzipSync(Buffer.concat([Buffer.from("data: "), Buffer.alloc(50_000_000, "x")]));
    const streamed = await packed(line, { options: { limits }, type: "text/event-stream" });
    const late = await failureOf(eventsOf(streamed.generate(chatRequest, streaming())));
    expect(late.findDetails(ErrorInfoSchema)[0]?.metadata["limit"]).toBe("maxUpstreamLineBytes");
  });

  it("is malformed where it is not what it says", async () => {
    for (const encoding of ["gzip", "deflate", "br", "zstd"]) {
      const provider = await packed(Buffer.from("this is not packed at all, and long enough to say so"), { encoding });
      expect(reasonOf(await failureOf(eventsOf(provider.generate(chatRequest, whole()))))).toBe("provider_malformed");
    }
  });

  it("may be a refusal, small or huge", async () => {
    for (const words of ["no", "no".repeat(5_000_000)]) {
      const body = gzipSync(JSON.stringify({ error: { message: words, type: "server_error" } }));
      const provider = await packed(body, { status: 500 });
      expect(reasonOf(await failureOf(eventsOf(provider.generate(chatRequest, whole()))))).toBe("provider_error");
    }
  });
});
