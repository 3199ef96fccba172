import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import { Health as HealthService } from "../../../gen/grpc/health/v1/health_pb.ts";
import { ChatService, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { EmbeddingService } from "../../../gen/parley/v1/embeddings_pb.ts";
import { ModelService } from "../../../gen/parley/v1/models_pb.ts";
import { ProviderService } from "../../../gen/parley/v1/providers_pb.ts";
import { RerankService } from "../../../gen/parley/v1/rerank_pb.ts";
import { TokenService } from "../../../gen/parley/v1/tokens_pb.ts";
import { collect } from "../../core/collect.ts";
import { callContext, type Call } from "../../core/context.ts";
import { chatKind, countTokensKind } from "../../core/kinds.ts";
import { only } from "../../core/stream.ts";
import type { Doors } from "../exchange.ts";
import { unary } from "../unary.ts";
import { withKey } from "../with-key.ts";
import { callOf } from "./exchange-key.ts";
import { healthDoor } from "./health.ts";
import { modelDoor } from "./models.ts";

/** Procedures that change what the service serves. */
export const managementProcedures: ReadonlySet<string> = new Set(
  [
    ModelService.method.loadModel,
    ModelService.method.unloadModel,
    ModelService.method.pullModel,
    ModelService.method.deleteModel,
    ModelService.method.setDefaultModel,
  ].map(({ parent, name }) => `${parent.typeName}/${name}`),
);

/** Mounts all services of the contract and `grpc.health.v1.Health`. An RPC without an implementation answers UNIMPLEMENTED with its name. */
export function mountServices(router: ConnectRouter, doors: Doors): void {
  const { service } = doors;
  router.service(ChatService, chatDoor(doors));
  router.service(ModelService, modelDoor(service.models));
  router.service(TokenService, {
    countTokens: (request, context) => {
      const chat = request.chat === undefined ? undefined : withKey(request.chat, callOf(context));
      const counted = chat === undefined ? request : { ...request, chat };
      return unary(callOf(context), doors, (call) => only(service.countTokens(counted, callContext(call, countTokensKind, counted))));
    },
  });
  for (const later of [EmbeddingService, RerankService, ProviderService]) router.service(later, {});
  router.service(HealthService, healthDoor(service.health, doors.drain));
}

function chatDoor(doors: Doors): ServiceImpl<typeof ChatService> {
  const events = (request: ChatRequest, call: Call) => {
    const keyed = withKey(request, call);
    return doors.service.generate(keyed, callContext(call, chatKind, keyed));
  };
  return {
    chat: (request, context) => unary(callOf(context), doors, (call) => collect(events(request, call))),
    stream: (request, context) => events(request, callOf(context)),
  };
}
