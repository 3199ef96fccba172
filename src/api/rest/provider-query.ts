import { Type } from "typebox";
import { invalidField } from "../../core/reasons.ts";
import type { OpenAIChatRequest } from "../../dialects/openai/request.ts";
import type { Exchange } from "../exchange.ts";

const longestName = 256;

/** What the query of a chat may hold: Prism's parameter, on its own path and on the one that it calls an alias. */
export const providerQuery = {
  provider: Type.Optional(Type.String({ maxLength: longestName, description: "Only this upstream may answer." })),
};

/** A chat with the provider that the query names, if it names one. Throws `invalid_request` where that is not what the body says, for two, and for what is no name. */
export function withProvider(asked: OpenAIChatRequest, exchange: Exchange): OpenAIChatRequest {
  const { request } = asked;
  const provider = providerInQuery(exchange);
  if (provider === undefined || request.provider === provider) return asked;
  if (request.provider !== "") throw invalidField("provider", "differs from the provider of the query: send one of them");
  return { ...asked, request: { ...request, provider } };
}

/** Undefined when it names none. */
function providerInQuery({ request: { url = "" } }: Exchange): string | undefined {
  const at = url.indexOf("?");
  if (at === -1) return undefined;
  const names = new URLSearchParams(url.slice(at + 1)).getAll("provider");
  if (names.length > 1) throw invalidField("provider", "the query names it more than once");
  const [name = ""] = names;
  if (name.length > longestName) throw invalidField("provider", `is longer than ${longestName} characters`);
  return name === "" ? undefined : name;
}
