import { create } from "@bufbuild/protobuf";
import { createClient, type Client } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ChatRequestSchema, ChatService, type ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
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
  return {
    name: "parley, gRPC",
    client,
    server,
    run: (run) =>
      runStreams(run, async ({ prompt, newTokens }, _index, onPiece) => {
        let usage = { tokens: 0, cachedTokens: 0 };
        for await (const { event } of client.stream(tokensRequest(model, prompt, newTokens))) {
          if (event.case === "text") onPiece();
          if (event.case === "completed")
            usage = { tokens: event.value.usage?.completionTokens ?? 0, cachedTokens: event.value.usage?.cachedTokens ?? 0 };
        }
        return usage;
      }),
    stop: () => server.stop(),
  };
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
