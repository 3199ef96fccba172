import { describe, expect, it, onTestFinished } from "vitest";
import { reasonOf } from "../../core/reasons.ts";
import type { Secret } from "../../core/secret.ts";
import { eventsOf, failureOf, iterate, textOf } from "../../testing/collect-events.ts";
import { chatRequest, openProviders, streaming, testProviders } from "../../testing/http-provider.ts";
import { startTlsFront, trustTlsFront } from "../../testing/tls-front.ts";
import type { Turn } from "../../testing/upstream/turn.ts";
import { startTunnel } from "../../testing/tunnel.ts";

async function openFront(...turns: Turn[]) {
  const { upstream } = await openProviders({ upstream: { turns } });
  const front = await startTlsFront(upstream.port);
  onTestFinished(() => front.close());
  return { upstream, front };
}

function providerAt(baseUrl: string, proxy?: Secret) {
  const [provider] = testProviders({ baseUrl }, { proxy: { http: undefined, https: proxy, none: undefined } });
  if (provider === undefined) throw new Error("an upstream has at least one provider");
  onTestFinished(() => provider.close());
  return provider;
}

describe("an upstream behind TLS", () => {
  it("is asked where its certificate is trusted, and again over the same session", async () => {
    onTestFinished(trustTlsFront());
    const { upstream, front } = await openFront({ fault: { is: "stall", after: 3 } }, {});
    const provider = providerAt(`https://localhost:${front.port}/v1`);
    const left = iterate(provider.generate(chatRequest, streaming()));
    await left.next();
    await left.return?.();
    await upstream.closed(1);
    expect(textOf(await eventsOf(provider.generate(chatRequest, streaming())))).toBe("one two three");
    expect(front.reused).toEqual([false, true]);
  });

  it("is not asked where its certificate is not trusted, and the error says how to trust it", async () => {
    const { upstream, front } = await openFront();
    const error = await failureOf(eventsOf(providerAt(`https://localhost:${front.port}/v1`).generate(chatRequest, streaming())));
    expect(reasonOf(error)).toBe("provider_unavailable");
    expect(error.rawMessage).toContain("NODE_EXTRA_CA_CERTS");
    expect(upstream.requests).toEqual([]);
  });

  it("is not asked where the certificate is another host's", async () => {
    onTestFinished(trustTlsFront());
    const { upstream, front } = await openFront();
    const tunnel = await startTunnel(front.port);
    onTestFinished(() => tunnel.close());
    const error = await failureOf(eventsOf(providerAt("https://other.example/v1", tunnel.url).generate(chatRequest, streaming())));
    expect(error.rawMessage).toContain("certificate");
    expect(upstream.requests).toEqual([]);
  });

  it("is asked through a tunnel of a proxy, which sees nothing but its host", async () => {
    onTestFinished(trustTlsFront());
    const { upstream, front } = await openFront();
    const tunnel = await startTunnel(front.port);
    onTestFinished(() => tunnel.close());
    expect(textOf(await eventsOf(providerAt("https://models.example/v1", tunnel.url).generate(chatRequest, streaming())))).toBe(
      "one two three",
    );
    expect(tunnel.asked).toEqual(["models.example:443"]);
    expect(upstream.requests[0]?.key).toBe("sk-operator-1");
  });
});
