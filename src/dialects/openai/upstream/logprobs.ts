import type { TokenLogprob, TopLogprob } from "../../../../gen/parley/v1/chat_pb.ts";
import { isJsonObject, type JsonObject } from "../../../core/json.ts";
import type { AskedUpstream } from "../../upstream-dialect.ts";
import { malformed } from "../../upstream-fault.ts";

const utf8 = new TextEncoder();

/** The tokens of `logprobs`, as chats tell them or as `/completions` does; with as many alternatives as were asked for. Throws `provider_malformed`. */
export function tokenLogprobs(told: unknown, most: number, asked: AskedUpstream): TokenLogprob[] {
  if (told === undefined || told === null) return [];
  const tokens = isJsonObject(told) ? (chatTokens(told, most) ?? promptTokens(told, most)) : undefined;
  if (tokens === undefined) throw malformed(asked, "logprobs that cannot be read");
  return tokens;
}

function chatTokens({ content, refusal }: JsonObject, most: number): TokenLogprob[] | undefined {
  // A refusal's tokens have no place in the contract.
  if (content === null || (content === undefined && refusal !== undefined)) return [];
  if (!Array.isArray(content)) return undefined;
  const tokens: TokenLogprob[] = [];
  for (const item of content) {
    if (!isJsonObject(item) || typeof item["token"] !== "string" || typeof item["logprob"] !== "number") return undefined;
    const { token, logprob, bytes } = item;
    const tokenBytes = bytesOf(bytes, token);
    tokens.push({
      $typeName: "parley.v1.TokenLogprob",
      token: token.toWellFormed(),
      logprob,
      bytes: tokenBytes,
      top: alternatives(item, most),
    });
  }
  return tokens;
}

function alternatives({ top_logprobs: top }: JsonObject, most: number): TopLogprob[] {
  if (most === 0 || !Array.isArray(top)) return [];
  return top.slice(0, most).flatMap((item) => {
    if (!isJsonObject(item) || typeof item["token"] !== "string" || typeof item["logprob"] !== "number") return [];
    return [topLogprob(item["token"], item["logprob"], item["bytes"])];
  });
}

function topLogprob(token: string, logprob: number, bytes?: unknown): TopLogprob {
  return { $typeName: "parley.v1.TopLogprob", token: token.toWellFormed(), logprob, bytes: bytesOf(bytes, token) };
}

/** Parallel lists, as OpenAI's older API has them. */
function promptTokens({ tokens, token_logprobs: logprobs, top_logprobs: tops }: JsonObject, most: number): TokenLogprob[] | undefined {
  if (!Array.isArray(tokens) || !Array.isArray(logprobs)) return undefined;
  const read: TokenLogprob[] = [];
  for (const [index, token] of tokens.entries()) {
    // The first token of a prompt that is repeated has no probability.
    const logprob: unknown = logprobs[index] ?? 0;
    if (typeof token !== "string" || typeof logprob !== "number") return undefined;
    const top = Array.isArray(tops) ? (tops as readonly unknown[])[index] : undefined;
    read.push({
      $typeName: "parley.v1.TokenLogprob",
      token: token.toWellFormed(),
      logprob,
      bytes: utf8.encode(token),
      top: byToken(top, most),
    });
  }
  return read;
}

function byToken(top: unknown, most: number): TopLogprob[] {
  if (!isJsonObject(top)) return [];
  return Object.entries(top)
    .flatMap(([token, logprob]) => (typeof logprob === "number" ? [topLogprob(token, logprob)] : []))
    .toSorted((a, b) => b.logprob - a.logprob)
    .slice(0, most);
}

/** The token's bytes as told, else those of its text. */
function bytesOf(bytes: unknown, token: string): Uint8Array<ArrayBuffer> {
  const isTold = Array.isArray(bytes) && bytes.every((byte) => Number.isInteger(byte));
  return isTold ? Uint8Array.from(bytes as number[]) : utf8.encode(token);
}
