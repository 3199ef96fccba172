import type { JsonObject } from "@bufbuild/protobuf";
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

type OwnSettings = ReadonlyMap<string, ReadonlyMap<string, Setting>>;

/**
 * Lays the variables of upstreams over the file's. A key or a base URL makes an upstream; so does being the default provider or a fallback by the name of its kind.
 * Throws `invalid_request` where a variable is meant for another kind than the file's upstream of that name is.
 */
export function overlayUpstreams(file: JsonObject, given: ReadonlyMap<string, Setting>, fileName: string): UpstreamOverlay {
  const own = ownSettings(given);
  const settings = withOlderNames(file, given, own);
  const upstreams = structuredClone((file["upstreams"] ?? []) as JsonObject[]);
  const origins: (readonly [string, string])[] = [];
  const warnings: string[] = [];
  const asked = askedNames(file, settings);
  for (const name of upstreamKinds) {
    const values = ownOrToken(name, own.get(name) ?? new Map<string, Setting>(), settings);
    const found = upstreams.findIndex((upstream) => upstream["name"] === name);
    const maker = values.get("apiKeys") ?? values.get("baseUrl");
    const isMade = (maker !== undefined && own.has(name) && isMaking(own.get(name))) || asked.has(name);
    if (found < 0 && !isMade) warnings.push(...idleWarning(name, own.get(name)));
    if (found < 0 && !isMade) continue;
    const index = found < 0 ? upstreams.push({ name, kind: name }) - 1 : found;
    if (found < 0) origins.push([`upstreams[${index}]`, maker?.from ?? asked.get(name) ?? fileName]);
    origins.push(...layOver(upstreams[index] ?? {}, values, { name, index }));
  }
  return { settings, upstreams, origins, warnings };
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

/** Names that must lead somewhere, and the variable that named them; undefined: the file did. */
function askedNames(file: JsonObject, settings: ReadonlyMap<string, Setting>): ReadonlyMap<string, string | undefined> {
  const asked = new Map<string, string | undefined>();
  const fallback = settings.get("fallback");
  const names = (fallback?.value ?? file["fallback"] ?? []) as readonly string[];
  for (const name of names) asked.set(name, fallback?.from);
  const provider = settings.get("models.defaultProvider");
  const ofFile = (file["models"] as JsonObject | undefined)?.["defaultProvider"];
  const name = provider?.value ?? ofFile;
  if (typeof name === "string") asked.set(name.toLowerCase(), provider?.from);
  return asked;
}

function isMaking(values: ReadonlyMap<string, Setting> | undefined): boolean {
  return values?.has("apiKeys") === true || values?.has("baseUrl") === true;
}

/** The token for pulls is Hugging Face's key too. */
function ownOrToken(
  name: string,
  values: ReadonlyMap<string, Setting>,
  settings: ReadonlyMap<string, Setting>,
): ReadonlyMap<string, Setting> {
  const token = settings.get("hub.token");
  if (name !== "huggingface" || token === undefined || values.has("apiKeys")) return values;
  return new Map([...values, ["apiKeys", { ...token, value: [textOf(token)] }]]);
}

function idleWarning(name: string, values: ReadonlyMap<string, Setting> | undefined): string[] {
  if (values === undefined || values.size === 0) return [];
  const makers = environment.filter(({ sets }) =>
    sets.some((path) => path === `${prefix}${name}.apiKeys` || path === `${prefix}${name}.baseUrl`),
  );
  const set = [...values.values()].map(({ from }) => from).join(", ");
  return [`${set}: there is no upstream ${name}; set ${makers.map((row) => row.name).join(" or ")}`];
}

function layOver(
  upstream: JsonObject,
  values: ReadonlyMap<string, Setting>,
  { name, index }: { readonly name: string; readonly index: number },
): (readonly [string, string])[] {
  const origins: (readonly [string, string])[] = [];
  for (const [key, { value, from }] of values) {
    // A token is there for pulls first: the file's own keys stand.
    if (from === "HF_TOKEN" && (upstream["apiKeys"] !== undefined || upstream["kind"] !== name)) continue;
    if (upstream["kind"] !== name)
      throw fault(
        "invalid_request",
        `${from}: it is for an upstream of the kind ${name}, and the file's upstream ${name} is of another: give that one another name`,
      );
    upstream[key] = value as JsonObject[string];
    origins.push([`upstreams[${index}].${key}`, from]);
  }
  return origins;
}
