/** An entry of the operator's list of hosts that media may be fetched from: `host`, `*.host` for all below it, either with `:port`; without one it is 443. */
const entryForm = /^(\*\.)?((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?::(\d{1,5}))?$/;

/** A URL as it must be written: https, a plain name, at most a port, printable ASCII. What parsers could read differently (a user, a backslash, a tab, another alphabet, a dot at the end) is not of this form. */
const urlForm = /^https:\/\/([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)(?::(\d{1,5}))?(?:[/?][\x21-\x5b\x5d-\x7e]*)?$/i;

const defaultPort = 443;
const mostLength = 8192;
const mostPort = 65_535;

/** Whether a text is such an entry. Addresses are none: what a name leads to is looked at when it is dialled. */
export function isMediaHost(entry: string): boolean {
  const [, , name = "", port] = entryForm.exec(entry.toLowerCase()) ?? [];
  return name !== "" && !isNumber(name) && (port === undefined || isPort(Number(port)));
}

/** What is wrong with the URL of a medium; undefined where it may be looked at: it holds its own bytes, or the operator's list has its host. */
export function mediaUrlProblem(url: string, hosts: readonly string[]): string | undefined {
  if (url.startsWith("data:")) return dataUrlProblem(url);
  if (hosts.length === 0) return "is no data: URL; nothing is fetched here on a client's word";
  if (url.length > mostLength) return `is longer than ${mostLength} characters`;
  const place = placeOf(url);
  if (place === undefined) return "is neither a data: URL nor a plain https: URL of a host by its name";
  if (hosts.some((entry) => allows(entry.toLowerCase(), place))) return undefined;
  return "names a host that media may not be fetched from here";
}

const dataUrlForm = /^data:[^;,]*((?:;[^;,]*)*),/;

/** The bytes of a data: URL are sent on without it: what is no base64 there may be another URL. */
function dataUrlProblem(url: string): string | undefined {
  const [head = "", parameters = ""] = dataUrlForm.exec(url) ?? [];
  if (head === "") return "is no data: URL: it has no comma";
  if (!parameters.toLowerCase().endsWith(";base64")) return undefined;
  return isBase64(url, head.length) ? undefined : "is a data: URL whose bytes are not base64";
}

const base64Form = /[A-Za-z0-9+/_-]*={0,2}$/y;

/** Of either alphabet, with or without padding. */
function isBase64(text: string, from: number): boolean {
  base64Form.lastIndex = from;
  return base64Form.test(text);
}

interface Place {
  readonly hostname: string;
  readonly port: number;
}

/** What the parser makes of a name must be the name as it was written: it turns numbers into addresses, and more. */
function placeOf(url: string): Place | undefined {
  const [, name = "", given] = urlForm.exec(url) ?? [];
  const hostname = name.toLowerCase();
  const port = given === undefined ? defaultPort : Number(given);
  if (hostname === "" || isNumber(hostname) || !isPort(port) || URL.parse(url)?.hostname !== hostname) return undefined;
  return { hostname, port };
}

function allows(entry: string, { hostname, port }: Place): boolean {
  const [, wildcard, name = "", only] = entryForm.exec(entry) ?? [];
  if (name === "" || port !== Number(only ?? defaultPort)) return false;
  return wildcard === undefined ? hostname === name : hostname.endsWith(`.${name}`);
}

/** A name whose last label is a number is an address to some reader or other. */
function isNumber(name: string): boolean {
  return /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/i.test(name);
}

function isPort(port: number): boolean {
  return port >= 1 && port <= mostPort;
}
