import { AwaCompletion, AwaRequest } from "../../../dialects/older/wire/awa.ts";
import { chatRequestFromAwa, chatResponseToAwa, promptAsQuestion } from "../../../dialects/older/awa.ts";
import type { Doors } from "../../exchange.ts";
import { chatRoute, type ChatFormat } from "../chat-route.ts";
import type { Route } from "../route.ts";
import { awaEnvelope } from "./envelopes.ts";

const llm: ChatFormat = {
  envelopeFor: () => awaEnvelope,
  read: (body) => ({
    request: chatRequestFromAwa(body),
    whole: chatResponseToAwa,
    stream: undefined,
    concessions: [promptAsQuestion],
  }),
};

/** What AWA's clients ask for. */
export function awaRoutes(doors: Doors): readonly Route[] {
  const operation = { tag: "AWA", summary: "Go on from a prompt", body: AwaRequest, answers: { "application/json": AwaCompletion } };
  return [{ path: "/llm", purpose: "call", envelope: awaEnvelope, methods: { POST: { serve: chatRoute(doors, llm), operation } } }];
}
