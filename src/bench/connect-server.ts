import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { ChatService } from "../../gen/parley/v1/chat_pb.ts";
import { bareEvents, bareResponse } from "./bare-answers.ts";

// Connect's own server, with the answers of echo and nothing else. Started by the benchmarks; tells its port on standard output.

const routes = (router: ConnectRouter) =>
  void router.service(ChatService, {
    chat: (request) => bareResponse(request),
    async *stream(request) {
      yield* bareEvents(request);
    },
  });

const server = createServer({ settings: { maxConcurrentStreams: 10_000 } }, connectNodeAdapter({ routes }));
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
