import type { WarmPromptRequest, WarmPromptResponse } from "../../../../gen/parley/v1/models_pb.ts";
import { warmPromptKind } from "../../../core/unary-kinds.ts";
import { ChunkWriter, dataFrame, keepAliveFrame } from "../../../dialects/openai/chunks.ts";
import { errorToOpenAI } from "../../../dialects/openai/errors.ts";
import { chatResponseToOpenAI } from "../../../dialects/openai/response.ts";
import { ChatCompletion } from "../../../dialects/openai/wire/chat-answer.ts";
import { errorToDetail } from "../../../dialects/older/detail.ts";
import {
  chatRequestFromDistiller,
  distillerParam,
  ggufList,
  warmedToDistiller,
  warmPromptFromDistiller,
} from "../../../dialects/older/distiller.ts";
import * as wire from "../../../dialects/older/wire/distiller.ts";
import type { Doors, Exchange } from "../../exchange.ts";
import { sendJson } from "../../send.ts";
import { chatRoute, type ChatFormat } from "../chat-route.ts";
import { eventStreamType } from "../event-stream.ts";
import { listedModels } from "../listed-models.ts";
import { reading, type Operation, type Route } from "../route.ts";
import { wholeAnswer } from "../whole-answer.ts";
import { detailEnvelope } from "./envelopes.ts";
import { loadFirst, setModel } from "./load-model.ts";

const tag = "Distiller";
const json = "application/json";
const envelope = detailEnvelope();

const list: Operation = { tag, summary: "List the model files on this machine", answers: { [json]: wire.GgufList } };
const set: Operation = {
  tag,
  summary: "Load a model and make it the default",
  body: wire.SetModelRequest,
  answers: { [json]: wire.SetModelAnswer },
};
const complete: Operation = {
  tag,
  summary: "Answer a conversation",
  body: wire.DistillerRequest,
  answers: { [json]: ChatCompletion, "text/event-stream": wire.DistillerEvent },
};
const warm: Operation = {
  tag,
  summary: "Prepare the beginning of a prompt for later calls",
  body: wire.RestoreCacheRequest,
  answers: { [json]: wire.RestoreCacheAnswer },
};

/** What Distiller's clients ask for, beside what other clients ask for too. */
export function distillerRoutes(doors: Doors): readonly Route[] {
  return [
    { path: "/models", envelope, methods: { GET: { serve: reading(listFiles, doors, envelope), operation: list } } },
    { path: "/setModel", purpose: "management", envelope, methods: { POST: { serve: setModel(doors), operation: set } } },
    {
      path: "/chat/completions",
      purpose: "call",
      envelope,
      methods: { POST: { serve: chatRoute(doors, chat(doors)), operation: complete } },
    },
    { path: "/restore_cache", purpose: "call", envelope, methods: { POST: { serve: restoreCache(doors), operation: warm } } },
  ];
}

async function listFiles(exchange: Exchange, doors: Doors): Promise<void> {
  sendJson(exchange, 200, ggufList(await listedModels(exchange, doors)));
}

function chat({ service }: Doors): ChatFormat {
  return {
    envelopeFor: (body) => detailEnvelope(distillerParam(body)),
    read(body) {
      const asked = chatRequestFromDistiller(body);
      const param = distillerParam(body);
      return {
        request: asked.request,
        prepare: loadFirst(asked, service),
        whole: chatResponseToOpenAI,
        stream: asked.stream
          ? () => ({
              writer: new ChunkWriter(asked),
              type: eventStreamType,
              keepAlive: keepAliveFrame,
              failed: (error) => dataFrame({ ...errorToDetail(error, param), ...errorToOpenAI(error, param) }),
            })
          : undefined,
      };
    },
  };
}

function restoreCache(doors: Doors) {
  // Who prepared it is not told.
  return wholeAnswer<WarmPromptRequest, WarmPromptResponse & { readonly servedBy?: undefined }>(doors, {
    kind: warmPromptKind,
    work: doors.service.warmPrompt,
    envelopeFor: (body) => detailEnvelope(distillerParam(body)),
    read: (body) => ({ request: warmPromptFromDistiller(body), write: warmedToDistiller }),
  });
}
