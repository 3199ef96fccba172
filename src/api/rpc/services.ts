import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { ServerReflection as ReflectionV1 } from "../../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ReflectionV1Alpha } from "../../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Health as HealthService } from "../../../gen/grpc/health/v1/health_pb.ts";
import { ChatService, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import { EmbeddingService } from "../../../gen/parley/v1/embeddings_pb.ts";
import { ModelService } from "../../../gen/parley/v1/models_pb.ts";
import { ProviderService } from "../../../gen/parley/v1/providers_pb.ts";
import { RerankService } from "../../../gen/parley/v1/rerank_pb.ts";
import { TokenService } from "../../../gen/parley/v1/tokens_pb.ts";
import { collect } from "../../core/collect.ts";
import { callContext, type Call } from "../../core/context.ts";
import { chatKind } from "../../core/kinds.ts";
import { only } from "../../core/stream.ts";
import * as unaryKind from "../../core/unary-kinds.ts";
import type { Kind, Work } from "../../core/work.ts";
import { access } from "../access.ts";
import type { Doors, Purpose } from "../exchange.ts";
import { unary } from "../unary.ts";
import { withKey } from "../with-key.ts";
import { callOf, exchangeOf } from "./exchange-key.ts";
import { healthDoor } from "./health.ts";
import { modelDoor } from "./models.ts";
import { providerDoor } from "./providers.ts";

/** A service with what answers it. */
interface Served {
  readonly service: DescService;
  mount(router: ConnectRouter, doors: Doors): void;
}

function served<Desc extends DescService>(service: Desc, door: (doors: Doors) => Partial<ServiceImpl<Desc>>): Served {
  return { service, mount: (router, doors) => void router.service(service, door(doors)) };
}

const work = [
  served(ChatService, chatDoor),
  served(TokenService, tokenDoor),
  served(EmbeddingService, (doors) => ({ embed: whole(doors, unaryKind.embedKind, doors.service.embed) })),
  served(RerankService, (doors) => ({ rerank: whole(doors, unaryKind.rerankKind, doors.service.rerank) })),
];

const management = [
  served(ModelService, (doors) => ({
    ...modelDoor(doors.service.models),
    warmPrompt: whole(doors, unaryKind.warmPromptKind, doors.service.warmPrompt),
  })),
  served(ProviderService, (doors) => providerDoor(doors.service.providers)),
];

/** The services of the contract. */
const contract: readonly DescService[] = [...work, ...management].map(({ service }) => service);

/** Full names of all services there are: each has a health of its own. */
export const serviceNames: readonly string[] = [...contract, HealthService, ReflectionV1, ReflectionV1Alpha].map(
  ({ typeName }) => typeName,
);

const purposes = new Map<string, Purpose>([
  ...work.flatMap(({ service }) => methodsFor("call", service.methods)),
  ...methodsFor("call", [ModelService.method.warmPrompt]),
  ...[...access].filter(([, need]) => need === "admin").map(([name]): [string, Purpose] => [name, "management"]),
  ...methodsFor("probe", HealthService.methods),
]);

function methodsFor(purpose: Purpose, methods: readonly DescMethod[]): [string, Purpose][] {
  return methods.map(({ parent, name }) => [`${parent.typeName}/${name}`, purpose]);
}

/** What an RPC is for, by its name, such as `parley.v1.ChatService/Chat`. */
export function purposeOf(procedure: string): Purpose {
  return purposes.get(procedure) ?? "other";
}

/** Mounts all services of the contract and `grpc.health.v1.Health`. An RPC without an implementation answers UNIMPLEMENTED with its name. */
export function mountServices(router: ConnectRouter, doors: Doors): void {
  for (const one of [...work, ...management]) one.mount(router, doors);
  router.service(HealthService, healthDoor(doors.service.health, doors.drain));
}

function chatDoor(doors: Doors): ServiceImpl<typeof ChatService> {
  const events = (request: ChatRequest, call: Call, isWhole: boolean) => {
    const keyed = withKey(request, call);
    return doors.service.generate(keyed, callContext(call, chatKind, keyed, { isWhole }));
  };
  return {
    chat: (request, context) => unary(exchangeOf(context.values), doors, () => collect(events(request, callOf(context), true))),
    stream: (request, context) => events(request, callOf(context), false),
  };
}

function tokenDoor(doors: Doors): ServiceImpl<typeof TokenService> {
  const { countTokens, renderPrompt, tokenize, detokenize } = doors.service;
  const [count, render] = [whole(doors, unaryKind.countTokensKind, countTokens), whole(doors, unaryKind.renderPromptKind, renderPrompt)];
  return {
    countTokens: (request, context) => count(chatWithKey(request, context), context),
    renderPrompt: (request, context) => render(chatWithKey(request, context), context),
    tokenize: whole(doors, unaryKind.tokenizeKind, tokenize),
    detokenize: whole(doors, unaryKind.detokenizeKind, detokenize),
  };
}

function chatWithKey<Request extends { chat?: ChatRequest | undefined }>(request: Request, context: HandlerContext): Request {
  return request.chat === undefined ? request : { ...request, chat: withKey(request.chat, callOf(context)) };
}

/** An RPC whose work has one answer. */
function whole<Request, Answer>(doors: Doors, kind: Kind<Request, Answer>, does: Work<Request, Answer>) {
  return (request: Request, context: HandlerContext): Promise<Answer> => {
    const exchange = exchangeOf(context.values);
    return unary(exchange, doors, () => only(does(request, callContext(exchange.call, kind, request))));
  };
}
