import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection as ReflectionV1 } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ReflectionV1Alpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { ChatService } from "../../gen/parley/v1/chat_pb.ts";
import { EmbeddingService } from "../../gen/parley/v1/embeddings_pb.ts";
import { ModelService } from "../../gen/parley/v1/models_pb.ts";
import { ProviderService } from "../../gen/parley/v1/providers_pb.ts";
import { RerankService } from "../../gen/parley/v1/rerank_pb.ts";
import { TokenService } from "../../gen/parley/v1/tokens_pb.ts";
import { isScope, type Scope } from "../core/keys.ts";
import type { Called } from "./exchange.ts";

/** What a procedure needs of its caller: nothing, a key whatever it allows, or one that allows this. */
export type Need = "open" | "key" | Scope;

type Row = readonly [name: string, need: Need];

const rpcRows: readonly Row[] = [
  ...methodsOf(ChatService, "chat"),
  ...methodsOf(TokenService, "tokens"),
  ...methodsOf(EmbeddingService, "embed"),
  ...methodsOf(RerankService, "rerank"),
  // What is not said below changes what the service serves.
  ...methodsOf(ModelService, "admin"),
  rpc(ModelService.method.listModels, "models"),
  rpc(ModelService.method.getModel, "models"),
  // It costs what a chat's prompt costs and fills the caller's own cache: it is for whoever may chat.
  rpc(ModelService.method.warmPrompt, "chat"),
  ...methodsOf(ProviderService, "providers"),
  ...methodsOf(Health, "open"),
  // It names every model.
  rpc(Health.method.list, "key"),
  ...methodsOf(ReflectionV1, "key"),
  ...methodsOf(ReflectionV1Alpha, "key"),
];

const routeRows: readonly Row[] = [
  ["/v1/chat/completions", "chat"],
  ["/v1/responses", "chat"],
  ["/v1/responses/{id}", "chat"],
  ["/v1/completions", "chat"],
  ["/v1/embeddings", "embed"],
  ["/v1/rerank", "rerank"],
  ["/v2/rerank", "rerank"],
  ["/rerank", "rerank"],
  ["/tokenize", "tokens"],
  ["/detokenize", "tokens"],
  ["/apply-template", "tokens"],
  ["/v1/models", "models"],
  ["/v1/models/{id}", "models"],
  ["/v1/messages", "chat"],
  // It takes the whole of a chat's request, and tells of it what the chat's own answer would.
  ["/v1/messages/count_tokens", "tokens"],
  ["/api/chat", "chat"],
  ["/api/generate", "chat"],
  ["/api/embed", "embed"],
  ["/api/embeddings", "embed"],
  ["/api/tags", "models"],
  ["/api/ps", "models"],
  ["/api/show", "models"],
  ["/api/version", "key"],
  ["/api/pull", "admin"],
  ["/api/delete", "admin"],
  ["/api/create", "admin"],
  ["/api/copy", "admin"],
  ["/api/push", "admin"],
  ["/api/blobs/{id}", "admin"],
  // The older services' own paths.
  ["/llm", "chat"],
  ["/v1/chat", "chat"],
  ["/chat/completions", "chat"],
  ["/invoke", "chat"],
  ["/restore_cache", "chat"],
  ["/models", "models"],
  ["/setModel", "admin"],
  // There is none yet: it only says so.
  ["/cache", "key"],
  ["/stats", "metrics"],
  ["/providers", "providers"],
  ["/metrics", "metrics"],
  ["/", "key"],
  ["/health", "open"],
  ["/healthz", "open"],
  ["/livez", "open"],
  ["/readyz", "open"],
  // They tell what anyone can read in our source, to browsers that have no key to show yet.
  ["/openapi.json", "open"],
  ["/docs", "open"],
  ["/docs/{id}", "open"],
];

/** The one table of what is needed: RPCs by their names, REST routes by their paths. */
export const access: ReadonlyMap<string, Need> = new Map([...rpcRows, ...routeRows]);

/** Names beside the words of core that a key's list may hold: services, RPCs and routes that need more than a key. */
export function isKnownName(name: string): boolean {
  const need = access.get(name.includes(" ") ? pathIn(name) : name);
  if (need !== undefined) return isScope(need) && need !== "admin";
  return rpcRows.some(([each, rowNeed]) => each.startsWith(`${name}/`) && isScope(rowNeed) && rowNeed !== "admin") || isForeign(name);
}

/** Whether a name may be one of a service that the program which embeds this one mounts. */
function isForeign(name: string): boolean {
  return /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+(\/[A-Za-z_]\w*)?$/.test(name) && !/^(parley|grpc)\./.test(name);
}

function methodsOf({ methods }: DescService, need: Need): Row[] {
  return methods.map((method) => rpc(method, need));
}

function rpc({ parent, name }: DescMethod, need: Need): Row {
  return [`${parent.typeName}/${name}`, need];
}

/** The path in the name of a REST procedure, such as `GET /v1/models`. */
function pathIn(name: string): string {
  return name.slice(name.indexOf(" ") + 1);
}

/** What a procedure needs; undefined: only its own name, or that of its service, in the key's list will do. */
export function needOf({ name, family }: Pick<Called, "name" | "family">): Need | undefined {
  if (family === "rpc") return name === "_OTHER" ? "key" : access.get(name);
  // What is not there, or not by this method, does nothing; a bare question which methods there are is a preflight's.
  if (name.startsWith("_OTHER")) return "key";
  return name.startsWith("OPTIONS ") ? "open" : access.get(pathIn(name));
}

/** Whether a key that allows these things may do what is called. */
export function permits(granted: readonly string[], { name, family }: Pick<Called, "name" | "family">, need: Need | undefined): boolean {
  if (need === "open" || need === "key" || granted.includes("admin")) return true;
  if (need === "admin") return false;
  if (granted.includes("all") || granted.includes(name) || (need !== undefined && granted.includes(need))) return true;
  return family === "rpc" && granted.includes(name.slice(0, name.indexOf("/")));
}
