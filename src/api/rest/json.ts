import { limitFault, type LimitName, type Limits } from "../../core/limits.ts";
import { fault } from "../../core/reasons.ts";
import type { ConnectError } from "@connectrpc/connect";

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;

/** What is refused before it is parsed: deep bodies cost time out of proportion and exhaust the stack of whoever walks them, and hundreds of thousands of distinct keys block the process. */
type JsonLimits = Pick<Limits, "maxJsonDepth" | "maxJsonKeys">;

/** Parses a JSON body. Throws `malformed_body`. A key `__proto__`, however it is escaped, is left out: it must never reach an object's prototype. */
export function parseJson(text: string, limits: JsonLimits): unknown {
  checkJsonSize(text, limits);
  try {
    const hasProto = text.includes("__proto__") || /\\u005f/i.test(text);
    return JSON.parse(text, hasProto ? (key, value: unknown) => (key === "__proto__" ? undefined : value) : undefined) as unknown;
  } catch (error) {
    throw malformed(error instanceof SyntaxError ? syntaxOf(error) : "cannot be parsed");
  }
}

function malformed(problem: string): ConnectError {
  return fault("malformed_body", `the body is not JSON that can be read: ${problem}`);
}

/** V8's message without the piece of the body that it quotes. */
function syntaxOf({ message }: SyntaxError): string {
  if (message.startsWith("Unexpected end")) return "it ends too early, or is empty";
  const position = /at position (\d+)/.exec(message)?.[1];
  return position === undefined ? "something stands where it may not" : `error at position ${position}`;
}

/** Refuses what would be costly to parse, without parsing: strings, which are most of a body, are skipped at the speed of `indexOf`. Throws `malformed_body` that names the limit. */
export function checkJsonSize(text: string, { maxJsonDepth, maxJsonKeys }: JsonLimits): void {
  const keys: number[] = [0];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = endOfString(text, at);
      continue;
    }
    if (isOpening(code)) {
      if (keys.length > maxJsonDepth) throw beyond("maxJsonDepth", `it is nested deeper than ${maxJsonDepth}`);
      keys.push(0);
    } else if (isClosing(code)) {
      keys.pop();
    } else if (code === colon) {
      const count = (keys.at(-1) ?? 0) + 1;
      if (count > maxJsonKeys) throw beyond("maxJsonKeys", `an object has more than ${maxJsonKeys} keys`);
      keys[keys.length - 1] = count;
    }
  }
}

function beyond(name: LimitName, what: string): ConnectError {
  return limitFault(name, `the body is not JSON that can be read: ${what}, which is limits.${name}`);
}

/** Index of the quote that ends the string which begins at `start`; the text's end when there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === backslash) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}

/** `[` or `{`. */
function isOpening(code: number): boolean {
  return code === 0x5b || code === 0x7b;
}

/** `]` or `}`. */
function isClosing(code: number): boolean {
  return code === 0x5d || code === 0x7d;
}
