import type { ConnectRouter } from "@connectrpc/connect";
import { ChatService } from "../../gen/parley/v1/chat_pb.ts";
import { listen } from "../api/listen.ts";
import { defaultLimits } from "../core/limits.ts";
import type { Service } from "../core/ports.ts";
import { silentLog } from "../telemetry/log.ts";
import { bareEvents, bareResponse } from "./bare-answers.ts";

// The doors alone: the listener with admission, and an RPC service that answers at once. Started by the benchmarks; tells its port on standard output.

const routes = (router: ConnectRouter) =>
  void router.service(ChatService, {
    chat: (request) => bareResponse(request),
    async *stream(request) {
      yield* bareEvents(request);
    },
  });

const nothing = {} as Service;
const { port } = await listen({ service: nothing, limits: defaultLimits, log: silentLog, host: "127.0.0.1", port: 0, routes });
console.log(port);
