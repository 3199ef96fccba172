import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createClient, type Client } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Client as GrpcClient, credentials } from "@grpc/grpc-js";
import { ChatEventSchema, ChatRequestSchema, ChatService, type ChatEvent, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import type { BenchServer } from "../servers.ts";
import type { Contestant } from "./contestant.ts";
import { runStreams } from "./program.ts";

/** Parley as its gRPC clients see it. */
export interface ParleyContestant extends Contestant {
  readonly client: Client<typeof ChatService>;
  readonly server: BenchServer;
}

/** Makes a contestant of a running service with one model. */
export function parleyContestant(server: BenchServer, model: string): ParleyContestant {
  const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${server.port}` });
  const client = createClient(ChatService, transport);
  const own = new GrpcClient(`127.0.0.1:${server.port}`, credentials.createInsecure());
  return {
    name: "parley, gRPC",
    client,
    server,
    run: (run) => runStreams(run, ({ prompt, newTokens }, _index, onPiece) => read(own, tokensRequest(model, prompt, newTokens), onPiece)),
    async stop() {
      own.close();
      await server.stop();
    },
  };
}

/** Reads one answer with grpc-js, as most Node programs would: Connect's client takes twice its time, beside a model that has all cores busy. */
function read(own: GrpcClient, request: ChatRequest, onPiece: () => void): Promise<{ tokens: number; cachedTokens: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ tokens: number; cachedTokens: number }>();
  let usage = { tokens: 0, cachedTokens: 0 };
  own
    .makeServerStreamRequest(
      `/${ChatService.typeName}/Stream`,
      (message: ChatRequest) => Buffer.from(toBinary(ChatRequestSchema, message)),
      (bytes: Buffer) => fromBinary(ChatEventSchema, bytes),
      request,
    )
    .on("data", ({ event }: ChatEvent) => {
      if (event.case === "text") onPiece();
      if (event.case === "completed")
        usage = { tokens: event.value.usage?.completionTokens ?? 0, cachedTokens: event.value.usage?.cachedTokens ?? 0 };
    })
    .on("error", reject)
    .on("end", () => resolve(usage));
  return promise;
}

/** A request with a prompt of token ids, answered greedily. */
export function tokensRequest(model: string, prompt: readonly number[], maxTokens: number): ChatRequest {
  return create(ChatRequestSchema, {
    model,
    rawPrompt: { prompt: { case: "tokenIds", value: { ids: [...prompt] } } },
    sampling: { temperature: 0 },
    maxTokens,
  });
}
