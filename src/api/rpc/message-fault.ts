import { Code, ConnectError } from "@connectrpc/connect";
import { limitFault, type Limits } from "../../core/limits.ts";
import { asFault, fault, fieldsFault } from "../../core/reasons.ts";
import { withCode } from "./with-code.ts";

/** Says in our words what Connect says in its own, or as if it were our fault: all of it is about the client's message. What is none of that is answered with as it is. */
export function messageFault(error: unknown, limits: Limits): ConnectError {
  if (!(error instanceof ConnectError)) return asFault(error);
  const { code, rawMessage } = error;
  if (code === Code.ResourceExhausted && rawMessage.includes("readMaxBytes"))
    return limitFault("maxBodyBytes", `the message is larger than limits.maxBodyBytes, ${limits.maxBodyBytes} bytes`);
  const [, message, field] = /^cannot decode message (\S+) from JSON: key "([^]*)" is unknown$/.exec(rawMessage) ?? [];
  if (message !== undefined && field !== undefined)
    return fieldsFault("invalid_request", [{ field: field.slice(0, 128).toWellFormed(), description: `is no field of ${message}` }]);
  const [, owner, wrong, why] = /^cannot decode (?:field|oneof) (\S+)\.(\w+) from JSON: ([^]*)$/.exec(rawMessage) ?? [];
  if (owner !== undefined && wrong !== undefined)
    return fieldsFault("invalid_request", [{ field: wrong, description: `is not what ${owner} has there${expectedIn(why)}` }]);
  for (const [words, lawful] of unparsed)
    if (words.test(rawMessage)) {
      const named = fault("malformed_body", rawMessage.replace("protocol error: ", ""));
      return lawful === undefined ? named : withCode(named, lawful);
    }
  return error;
}

/** What was expected, without what came: the parser quotes that. */
function expectedIn(words = ""): string {
  const expected = /expected \w+(?: \(\w+\))?|invalid base64 string|oneof set multiple times/.exec(words)?.[0];
  return expected === undefined ? "" : `: ${expected}`;
}

/** What cannot be read, with the code that gRPC lays down for it: bytes that are no message, a compression that was not named, and none or more than the one message of a call. */
const unparsed: readonly (readonly [RegExp, Code?])[] = [
  [/^parse binary: /],
  [/^received compressed envelope, /, Code.Internal],
  [/^protocol error: (missing|received extra) input message /, Code.Unimplemented],
];
