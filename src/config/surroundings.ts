import { fault } from "../core/reasons.ts";
import type { Setting } from "../environment/read.ts";
import { Secret } from "../core/secret.ts";

/** How OpenTelemetry's exporter speaks. */
export const tracingProtocols = ["http/protobuf", "http/json", "grpc"] as const;

/** One of them. */
export type TracingProtocol = (typeof tracingProtocols)[number];

/** What only the environment says, by names that are not ours. */
export interface Surroundings {
  /** The hub that models are pulled from. */
  readonly hub: { readonly endpoint: string; readonly token: Secret | undefined };
  /** Keys that callers may show, and whose data each is over. */
  readonly keys: readonly { readonly tenant: string; readonly key: Secret }[];
  /** Proxies by the addresses they are for; their addresses may hold a password. undici reads the same variables by itself. */
  readonly proxy: { readonly http: Secret | undefined; readonly https: Secret | undefined; readonly none: string | undefined };
  /** Whether traces are sent, and how; where to is read by the SDK itself. */
  readonly tracing: { readonly isOn: boolean; readonly protocol: TracingProtocol; readonly serviceName: string | undefined };
}

const publicHub = "https://huggingface.co";

/** Gathers what only the environment says. Throws `invalid_request` that names the variable. */
export function surroundingsOf(settings: ReadonlyMap<string, Setting>): Surroundings {
  const text = (path: string): string | undefined => {
    const value = settings.get(path)?.value;
    return typeof value === "string" ? value : undefined;
  };
  const secret = (path: string) => (text(path) === undefined ? undefined : new Secret(text(path) ?? ""));
  return {
    hub: { endpoint: text("hub.endpoint") ?? publicHub, token: secret("hub.token") },
    keys: keysOf(settings.get("keys.given")),
    proxy: { http: secret("proxy.http"), https: secret("proxy.https"), none: text("proxy.none") },
    tracing: {
      isOn:
        text("tracing.endpoint") !== undefined && settings.get("tracing.isDisabled")?.value !== true && text("tracing.exporter") !== "none",
      protocol: protocolOf(settings.get("tracing.protocol")),
      serviceName: text("tracing.serviceName"),
    },
  };
}

/** Keys without a tenant are all of the same. */
function keysOf(setting: Setting | undefined): Surroundings["keys"] {
  const texts = (setting?.value ?? []) as readonly string[];
  return texts.map((text) => {
    const [, tenant = "default", key = text] = /^([A-Za-z0-9][A-Za-z0-9._-]{0,63}):(.*)$/.exec(text) ?? [];
    if (!/^[!-~]{8,512}$/.test(key)) throw fault("invalid_request", `${setting?.from}: a key must be 8 to 512 visible ASCII characters`);
    return { tenant, key: new Secret(key) };
  });
}

function protocolOf(setting: Setting | undefined): TracingProtocol {
  if (setting === undefined) return "http/protobuf";
  const known = tracingProtocols.find((protocol) => protocol === setting.value);
  if (known !== undefined) return known;
  throw fault("invalid_request", `${setting.from}: ${JSON.stringify(setting.value)} must be one of ${tracingProtocols.join(", ")}`);
}
