import { isWebUrl, unparsable, urlType, type ValueType } from "./values.ts";

/** An address whose `/v1` is added where it has none. */
export const versionedUrlType: ValueType = {
  ...urlType,
  parse: (text) => (isWebUrl(text) ? text.replace(/\/*$/, "").replace(/(\/v1)?$/, "/v1") : unparsable),
};

const ollamaPort = 11_434;

/** What Ollama's own programs take: an address, a host with or without a port, or a port alone. Its server is told `0.0.0.0` to be reached from everywhere: on this machine. */
export const ollamaHostType: ValueType = {
  ...urlType,
  expects: "a URL, or host:port",
  parse(text) {
    if (isWebUrl(text)) return reachable(text);
    const [, host = "", port = String(ollamaPort)] = /^(\[[\da-f:]+\]|[\w.-]*)(?::(\d{1,5}))?$/i.exec(text) ?? [];
    if (text === "" || (host === "" && !text.startsWith(":"))) return unparsable;
    const url = `http://${host || "127.0.0.1"}:${port}`;
    return URL.canParse(url) ? reachable(url) : unparsable;
  },
};

function reachable(url: string): string {
  return url.replace(/^(https?:\/\/)(0\.0\.0\.0|\[::\])(?=[:/]|$)/i, "$1127.0.0.1");
}
