import { createSecureContext } from "node:tls";
import { ChannelCredentials, Client, connectivityState, logVerbosity, setLogVerbosity, type ChannelOptions } from "@grpc/grpc-js";
import { fault } from "../../core/reasons.ts";
import type { Limits } from "../../core/limits.ts";
import { untilAborted } from "../../core/signals.ts";
import type { UpstreamSettings } from "../../core/upstreams.ts";

/** A proxy on the way to an upstream. */
export interface ProxyAddress {
  readonly origin: URL;
  /** Of `proxy-authorization`; undefined: it wants none. */
  readonly authorization: string | undefined;
}

/** What a channel needs. */
export interface ChannelNeeds {
  readonly settings: UpstreamSettings;
  readonly limits: Limits;
  /** Through what a place is reached; undefined: straight. */
  readonly proxyFor: (origin: URL) => ProxyAddress | undefined;
}

/** The one channel to an upstream, over which all of its calls go. */
export interface Channel {
  readonly client: Client;
  /** Resolves when a call may be sent: connected, or known to be unreachable, which the call then says itself. Undefined: at once. Rejects with `provider_timeout` after the upstream's time for connecting. */
  connected(signal: AbortSignal): Promise<void> | undefined;
  close(): void;
}

// By itself it writes to standard error, which is not the log; what fails is told by the call that it fails.
setLogVerbosity(logVerbosity.NONE);

/** How often an idle connection that carries calls is asked for a sign of life, and how long that may take. */
const keepAliveMs = 30_000;
const keepAliveAnswerMs = 10_000;
/** Pauses between two tries to connect: short, for routing has breakers of its own. */
const reconnectMs = 100;
const slowestReconnectMs = 5_000;
/** Room for what many calls at once have on their way; Node's own default ends connections that carry 100 answers of a megabyte. */
const sessionMegabytes = 1_000;

/** Opens the channel to another Parley. Throws `invalid_request` for an address that is none. */
export function openChannel({ settings, limits, proxyFor }: ChannelNeeds): Channel {
  const { name, times } = settings;
  const origin = originOf(settings);
  const isSecure = origin.protocol === "https:";
  // Node's own authorities: grpc-js by itself reads a variable for others.
  const credentials = isSecure ? ChannelCredentials.createFromSecureContext(createSecureContext()) : ChannelCredentials.createInsecure();
  const proxied = proxyOptions(origin, proxyFor(origin), name);
  const client = new Client(proxied.target, credentials, {
    ...proxied.options,
    "grpc.enable_http_proxy": 0, // it would read variables of its own; proxies are configured
    "grpc.enable_retries": 0, // routing retries
    "grpc.use_local_subchannel_pool": 1, // what one upstream's connections go through is nothing to another's
    "grpc.service_config_disable_resolution": 1,
    // A name with several addresses is several replicas: each gets its share.
    "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    "grpc.primary_user_agent": "parley",
    "grpc.keepalive_time_ms": keepAliveMs,
    "grpc.keepalive_timeout_ms": keepAliveAnswerMs,
    "grpc.initial_reconnect_backoff_ms": reconnectMs,
    "grpc.max_reconnect_backoff_ms": slowestReconnectMs,
    "grpc.max_receive_message_length": limits.maxUpstreamBodyBytes,
    "grpc.max_send_message_length": -1, // the other side has a limit of its own, and says so
    "grpc-node.max_session_memory": sessionMegabytes,
  });
  const channel = client.getChannel();
  const tooLong = () =>
    fault(
      "provider_timeout",
      `${name} could not be connected within ${times.connectMs} ms; raise connectSeconds of this upstream if that is expected`,
      { provider: name, metadata: { limit: "connectMs" } },
    );
  const settled = (untilMs: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = () => {
        const state = channel.getConnectivityState(true);
        if (state === connectivityState.READY || state === connectivityState.TRANSIENT_FAILURE) return resolve();
        channel.watchConnectivityState(state, untilMs, (error) => (error === undefined ? look() : reject(tooLong())));
      };
      look();
    });
  return {
    client,
    connected(signal) {
      if (channel.getConnectivityState(true) === connectivityState.READY) return undefined;
      return untilAborted(settled(Date.now() + times.connectMs), signal);
    },
    close: () => client.close(),
  };
}

function originOf({ baseUrl, name }: UpstreamSettings): URL {
  const url = URL.parse(baseUrl.includes("://") ? baseUrl : `http://${baseUrl}`);
  const at = `upstreams.${name}.baseUrl`;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw fault("invalid_request", `${at}: must be host:port, or an http or https URL`);
  if (url.username !== "" || url.password !== "")
    throw fault("invalid_request", `${at}: must hold no user or password; keys go to apiKeys`);
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "")
    throw fault("invalid_request", `${at}: gRPC has no paths; must be host and port alone`);
  return url;
}

interface Place {
  readonly target: string;
  readonly options: ChannelOptions;
}

function proxyOptions(origin: URL, proxy: ProxyAddress | undefined, name: string): Place {
  const authority = authorityOf(origin);
  if (proxy === undefined) return { target: `dns:${authority}`, options: {} };
  if (proxy.origin.protocol !== "http:")
    throw fault(
      "invalid_request",
      `upstreams.${name}: gRPC goes only through proxies that are spoken to by http; list its host in NO_PROXY`,
    );
  const words = proxy.authorization?.replace(/^Basic /u, "");
  return {
    target: `dns:${authorityOf(proxy.origin)}`,
    options: {
      "grpc.default_authority": authority,
      "grpc.http_connect_target": `dns:${authority}`,
      ...(origin.protocol === "https:" && { "grpc.ssl_target_name_override": origin.hostname }),
      ...(words !== undefined && { "grpc.http_connect_creds": Buffer.from(words, "base64").toString() }),
    },
  };
}

function authorityOf({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port === "" ? (protocol === "https:" ? "443" : "80") : port}`;
}
