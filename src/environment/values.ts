/** A value that a variable or a flag was understood as. */
export type SettingValue = string | number | boolean | readonly string[] | Readonly<Record<string, string>>;

/** A text is no value of its type. */
export const unparsable = Symbol("unparsable");

/** A text is well-formed and asks for nothing, such as `LLM_DEBUG=false`. */
export const saysNothing = Symbol("says nothing");

/** A type of values: how people call it, how a text is read, and whether an error may repeat the text. */
export interface ValueType {
  /** In the documents. */
  readonly name: string;
  /** What an error says was expected. */
  readonly expects: string;
  /** Whether an error may show the text; never for what may hold a password. */
  readonly isPrintable: boolean;
  readonly parse: (text: string) => SettingValue | typeof unparsable | typeof saysNothing;
}

/** Levels of the log, from all to nothing. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;

/** How much is logged. */
export type LogLevel = (typeof logLevels)[number];

const levelSynonyms: Readonly<Record<string, LogLevel>> = { warning: "warn", fatal: "error", critical: "error", off: "silent" };

/** Reads a level in any case, Python's names too; undefined when there is no such level. */
export function logLevelFrom(text: string): LogLevel | undefined {
  const lower = text.toLowerCase();
  return logLevels.find((level) => level === lower) ?? (Object.hasOwn(levelSynonyms, lower) ? levelSynonyms[lower] : undefined);
}

const truths: ReadonlyMap<string, boolean> = new Map([
  ...["true", "1", "yes", "on"].map((word) => [word, true] as const),
  ...["false", "0", "no", "off"].map((word) => [word, false] as const),
]);

function truthFrom(text: string): boolean | typeof unparsable {
  return truths.get(text.toLowerCase()) ?? unparsable;
}

function numberFrom(text: string): number | typeof unparsable {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : unparsable;
}

/** Any text. */
export const textType: ValueType = { name: "text", expects: "a text", isPrintable: true, parse: (text) => text };

/** A text that is never shown. */
export const secretType: ValueType = { name: "secret", expects: "a secret", isPrintable: false, parse: (text) => text };

/** Several of them, by commas. */
export const secretsType: ValueType = {
  name: "secrets, by commas",
  expects: "a list of secrets",
  isPrintable: false,
  parse: (text) => splitList(text),
};

/** A file or folder; relative ones are below the folder in which the service is started. */
export const pathType: ValueType = { name: "path", expects: "a path", isPrintable: true, parse: (text) => text };

/** Yes or no. */
export const switchType: ValueType = { name: "true or false", expects: "true or false", isPrintable: true, parse: truthFrom };

/** Yes or no, for a name that says the opposite of what it sets. */
export const invertedSwitchType: ValueType = {
  ...switchType,
  parse: (text) => {
    const truth = truthFrom(text);
    return truth === unparsable ? unparsable : !truth;
  },
};

/** A whole number. */
export const integerType: ValueType = {
  name: "whole number",
  expects: "a whole number",
  isPrintable: true,
  parse: (text) => (/^-?\d{1,15}$/.test(text) ? Number(text) : unparsable),
};

/** A port. Kubernetes writes `LLM_PORT=tcp://...` into every pod beside a service named `llm`: that is no setting of ours. */
export const portType: ValueType = {
  ...integerType,
  parse: (text) => (isServiceLink(text) ? saysNothing : integerType.parse(text)),
};

const bytesOfUnit: Readonly<Record<string, number>> = {
  ...{ "": 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 },
  ...{ ki: 2 ** 10, mi: 2 ** 20, gi: 2 ** 30, ti: 2 ** 40, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 },
};

/** Bytes, with or without a unit. */
export const bytesType: ValueType = {
  name: "bytes",
  expects: "a number of bytes such as 4GiB or 500MB",
  isPrintable: true,
  parse: (text) => {
    const [, number = "", unit = ""] = /^(\d{1,15}(?:\.\d{1,6})?)\s*([a-z]{0,3})$/i.exec(text) ?? [];
    const factor = number === "" ? undefined : bytesOfUnit[unit.toLowerCase()];
    return factor === undefined ? unparsable : Math.floor(Number(number) * factor);
  },
};

/** A number. */
export const numberType: ValueType = { name: "number", expects: "a number", isPrintable: true, parse: numberFrom };

/** Seconds, kept as ms. */
export const secondsType: ValueType = {
  name: "seconds",
  expects: "a number of seconds",
  isPrintable: true,
  parse: (text) => {
    const seconds = numberFrom(text);
    return seconds === unparsable ? unparsable : Math.round(seconds * 1000);
  },
};

/** A level of the log. */
export const levelType: ValueType = {
  name: logLevels.join(", "),
  expects: `one of ${logLevels.join(", ")}`,
  isPrintable: true,
  parse: (text) => logLevelFrom(text) ?? unparsable,
};

/** Yes for the level `debug`; no asks for nothing. */
export const debugSwitchType: ValueType = {
  ...switchType,
  parse: (text) => {
    const truth = truthFrom(text);
    if (truth === unparsable) return unparsable;
    return truth ? "debug" : saysNothing;
  },
};

/** A comma list. */
export const listType: ValueType = {
  name: "comma list",
  expects: "a comma list",
  isPrintable: true,
  parse: (text) => splitList(text),
};

/** A comma list, in which `none` stands for an empty one. */
export const namesType: ValueType = {
  ...listType,
  parse: (text) => (text.toLowerCase() === "none" ? [] : splitList(text.toLowerCase())),
};

/** Ports, by commas. */
export const portsType: ValueType = {
  ...listType,
  name: "ports, by commas",
  expects: "a comma list of ports",
  parse: (text) => {
    const ports = splitList(text);
    return ports.every((port) => /^\d{1,5}$/.test(port)) ? ports : unparsable;
  },
};

/** `name=value,name=value`. */
export const pairsType: ValueType = {
  name: "name=value, by commas",
  expects: "name=value pairs, separated by commas, each name once",
  isPrintable: true,
  parse: (text) => {
    const pairs = splitList(text).map((item) => item.split("=").map((part) => part.trim()));
    const names = new Set(pairs.map(([name]) => name));
    if (names.size < pairs.length || pairs.some(([name, value, more]) => !name || !value || more !== undefined)) return unparsable;
    return Object.fromEntries(pairs) as Record<string, string>;
  },
};

/** An address with http or https; it may hold a password, so an error never shows it. */
export const urlType: ValueType = {
  name: "URL",
  expects: "a URL that begins with http:// or https://",
  isPrintable: false,
  parse: (text) => (isWebUrl(text) ? text : unparsable),
};

/** A folder, or an address with http or https. */
export const placeType: ValueType = {
  name: "folder or URL",
  expects: "a folder, or a URL that begins with http:// or https://",
  isPrintable: false,
  parse: (text) => (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || isWebUrl(text) ? text : unparsable),
};

/** Whether a text is an address with http or https. */
export function isWebUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

/** Whether a value is one that Kubernetes gives variables named after services. */
export function isServiceLink(text: string): boolean {
  return /^(tcp|udp|sctp):\/\//.test(text);
}

/** A text for people: an address without its password, and without the query, which may be one too. */
export function withoutCredentials(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@\s]*@/i, "$1***@").replace(/^([a-z][a-z0-9+.-]*:\/\/[^?#\s]*)[?#].*$/i, "$1?***");
}

function splitList(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
