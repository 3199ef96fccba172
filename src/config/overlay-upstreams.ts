import type { JsonObject } from "@bufbuild/protobuf";
import { upstreamKindRow } from "../core/upstream-kinds.ts";
import { upstreamKinds } from "../core/upstreams.ts";
import { fault } from "../core/reasons.ts";
import type { Setting } from "../environment/read.ts";
import { environment } from "../environment.ts";

/** What variables say of upstreams, over what the file says. */
export interface UpstreamOverlay {
  /** The settings that are left: of other things, with what the older services meant by names. */
  readonly settings: ReadonlyMap<string, Setting>;
  /** The JSON of `Config.upstreams`. */
  readonly upstreams: JsonObject[];
  /** What set a value, by path, such as `upstreams[0].apiKeys`. */
  readonly origins: readonly (readonly [path: string, from: string])[];
  readonly warnings: readonly string[];
}

const prefix = "upstreams.";

type Values = ReadonlyMap<string, Setting>;
type OwnSettings = ReadonlyMap<string, Values>;

/**
 * Lays the variables of upstreams over the file's. A key or a base URL makes an upstream; so does being the default provider or a fallback by the name of its kind.
 * Throws `invalid_request` where a variable is meant for another kind than the file's upstream of that name is.
 */
export function overlayUpstreams(file: JsonObject, given: ReadonlyMap<string, Setting>, fileName: string): UpstreamOverlay {
  const own = ownSettings(given);
  const settings = withOlderNames(file, given, own);
  const upstreams = structuredClone((file["upstreams"] ?? []) as JsonObject[]);
  const asked = askedNames(file, settings, fileName);
  const origins: (readonly [string, string])[] = [];
  const warnings: string[] = [];
  for (const name of upstreamKinds) {
    const values = own.get(name) ?? new Map<string, Setting>();
    const maker = makerOf(values) ?? asked.get(name);
    let index = upstreams.findIndex((upstream) => upstream["name"] === name);
    if (index < 0 && maker !== undefined) {
      const { unknownModels } = upstreamKindRow(name);
      index = upstreams.push({ name, kind: name, unknownModels }) - 1;
      origins.push([`upstreams[${index}]`, maker]);
      if (unknownModels !== "pass") origins.push([`upstreams[${index}].unknownModels`, maker]);
    }
    const upstream = upstreams[index];
    if (upstream === undefined) warnings.push(...idleWarning(name, values));
    else origins.push(...layOver(upstream, withToken(upstream, values, settings), index));
  }
  return { settings, upstreams, origins, warnings };
}

/** The variable that makes an upstream by itself. */
function makerOf(values: Values): string | undefined {
  return (values.get("apiKeys") ?? values.get("baseUrl"))?.from;
}

function ownSettings(settings: ReadonlyMap<string, Setting>): OwnSettings {
  const own = new Map<string, Map<string, Setting>>();
  for (const [path, setting] of settings) {
    if (!path.startsWith(prefix)) continue;
    const [name = "", key = ""] = path.slice(prefix.length).split(".");
    own.set(name, (own.get(name) ?? new Map<string, Setting>()).set(key, setting));
  }
  return own;
}

/** `local` was a server of `POST /llm` for those who set its URL, and `lan` fell back to `stub` by itself. */
function withOlderNames(file: JsonObject, given: ReadonlyMap<string, Setting>, own: OwnSettings): ReadonlyMap<string, Setting> {
  const settings = new Map([...given].filter(([path]) => !path.startsWith(prefix)));
  const isRawLocal = own.get("raw")?.get("baseUrl")?.from === "LLM_URL";
  const meant = (name: string) => older(name, isRawLocal);
  const provider = settings.get("models.defaultProvider");
  if (provider !== undefined) settings.set("models.defaultProvider", { ...provider, value: meant(textOf(provider)) });
  const fallback = settings.get("fallback");
  if (fallback !== undefined) settings.set("fallback", { ...fallback, value: (fallback.value as readonly string[]).map(meant) });
  else if (provider !== undefined && textOf(provider).toLowerCase() === "lan" && file["fallback"] === undefined)
    settings.set("fallback", { value: ["echo"], from: `${provider.from}=lan`, isSecret: false });
  return settings;
}

/** The value of a setting that is a text. */
function textOf({ value }: Setting): string {
  return typeof value === "string" ? value : "";
}

function older(name: string, isRawLocal: boolean): string {
  const lower = name.toLowerCase();
  if (lower === "local") return isRawLocal ? "raw" : "llama-cpp";
  return lower === "stub" ? "echo" : name;
}

/** Names that must lead somewhere, and what named them: a variable, or the file. */
function askedNames(file: JsonObject, settings: Values, fileName: string): ReadonlyMap<string, string> {
  const fallback = settings.get("fallback");
  const provider = settings.get("models.defaultProvider");
  const ofFile = (file["models"] as JsonObject | undefined)?.["defaultProvider"];
  const named = provider === undefined ? ofFile : textOf(provider);
  const names = (fallback?.value ?? file["fallback"] ?? []) as readonly string[];
  return new Map([
    ...names.map((name) => [name, fallback?.from ?? fileName] as const),
    ...(typeof named === "string" ? [[named.toLowerCase(), provider?.from ?? fileName] as const] : []),
  ]);
}

/** The token for pulls is Hugging Face's key too, where neither a variable nor the file gives one. */
function withToken(upstream: JsonObject, values: Values, settings: Values): Values {
  const token = settings.get("hub.token");
  const isHuggingFace = upstream["name"] === "huggingface" && upstream["kind"] === "huggingface";
  if (!isHuggingFace || token === undefined || values.has("apiKeys") || upstream["apiKeys"] !== undefined) return values;
  return new Map([...values, ["apiKeys", { ...token, value: [textOf(token)] }]]);
}

function idleWarning(name: string, values: Values): string[] {
  if (values.size === 0) return [];
  const makes = (path: string) => path === `${prefix}${name}.apiKeys` || path === `${prefix}${name}.baseUrl`;
  const makers = environment.filter(({ sets }) => sets.some(makes)).map((row) => row.name);
  const set = [...values.values()].map(({ from }) => from).join(", ");
  return [`${set}: there is no upstream ${name}; set ${makers.join(" or ")}`];
}

/** Writes the values into an upstream; answers with their origins. */
function layOver(upstream: JsonObject, values: Values, index: number): (readonly [string, string])[] {
  const { name, kind } = upstream as { readonly name: string; readonly kind: string };
  return [...values].map(([key, { value, from }]) => {
    if (kind !== name)
      throw fault(
        "invalid_request",
        `${from}: it is for an upstream of the kind ${name}, and the file's upstream of that name is of another: give that one another name`,
      );
    upstream[key] = value as JsonObject[string];
    return [`upstreams[${index}].${key}`, from] as const;
  });
}
