import { isIP } from "node:net";
import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import { Role } from "../../gen/parley/v1/messages_pb.ts";
import { systemClock } from "../core/clock.ts";
import { chatKind } from "../core/kinds.ts";
import { defaultLimits, type Limits } from "../core/limits.ts";
import { compose } from "../core/work.ts";
import { mediaFetcher, type FetcherOptions } from "../layers/media/fetcher.ts";
import { fetchMedia } from "../layers/media/media.ts";
import { validate } from "../layers/validate.ts";
import { testContext } from "./call-context.ts";
import { eventsOf, failureOf } from "./collect-events.ts";
import { hostileNames } from "./hostile-urls.ts";
import { userRequest } from "./sample-request.ts";

/** A request that names a medium by URL. */
export function asking(url: string, kind: "image" | "audio" | "file" = "image"): ChatRequest {
  return userRequest("", {
    messages: [{ role: Role.USER, parts: [{ part: { case: kind, value: { source: { case: "url", value: url } } } }] }],
  });
}

/** The layers as the service has them; what reaches the inside is kept. */
export function layeredMedia({
  hosts,
  limits = {},
  ...fetcher
}: { hosts: readonly string[]; limits?: Partial<Limits> } & Partial<Omit<FetcherOptions, "limits">>) {
  const all = { ...defaultLimits, ...limits };
  const reached: ChatRequest[] = [];
  const fetch = mediaFetcher({ clock: systemClock, ...fetcher, limits: all });
  const work = compose(
    [validate(all, hosts), ...(hosts.length === 0 ? [] : [fetchMedia({ fetch, limits: all })])],
    async function* (request) {
      reached.push(request);
    },
    chatKind,
  );
  /** Why a request is refused. */
  const refusal = (request: ChatRequest, signal?: AbortSignal) =>
    failureOf(
      eventsOf({ [Symbol.asyncIterator]: () => work(request, testContext(request, signal && { signal }))[Symbol.asyncIterator]() }),
    );
  const pass = (request: ChatRequest) => eventsOf(work(request, testContext(request)));
  return { refusal, pass, reached };
}

/** A resolver of the test's own: what is not hostile leads to this machine. */
export const resolveHere = async (hostname: string) => {
  const addresses = hostileNames[hostname] ?? ["127.0.0.1"];
  return addresses.map((address) => ({ address, family: isIP(address) === 6 ? 6 : 4 }));
};
