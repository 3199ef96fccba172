import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import {
  ChatEventSchema,
  ChatRequestSchema,
  ChatResponseSchema,
  type ChatEvent,
  type ChatRequest,
  type ChatResponse,
} from "../../gen/parley/v1/chat_pb.ts";
import { bareEvents, bareResponse } from "./bare-answers.ts";

// The usual gRPC server of Node, with the answers of echo and nothing else. Started by the benchmarks; tells its port on standard output.

const shared = {
  requestStream: false,
  requestSerialize: (message: ChatRequest) => Buffer.from(toBinary(ChatRequestSchema, message)),
  requestDeserialize: (bytes: Buffer) => fromBinary(ChatRequestSchema, bytes),
};
const definition: ServiceDefinition = {
  chat: {
    ...shared,
    path: "/parley.v1.ChatService/Chat",
    responseStream: false,
    responseSerialize: (message: ChatResponse) => Buffer.from(toBinary(ChatResponseSchema, message)),
    responseDeserialize: (bytes: Buffer) => fromBinary(ChatResponseSchema, bytes),
  },
  stream: {
    ...shared,
    path: "/parley.v1.ChatService/Stream",
    responseStream: true,
    responseSerialize: (message: ChatEvent) => Buffer.from(toBinary(ChatEventSchema, message)),
    responseDeserialize: (bytes: Buffer) => fromBinary(ChatEventSchema, bytes),
  },
};

interface Asked {
  readonly request: ChatRequest;
}
interface Streamed extends Asked {
  write(event: ChatEvent): void;
  end(): void;
}
const implementation = {
  chat: ({ request }: Asked, answer: (error: null, response: ChatResponse) => void) => answer(null, bareResponse(request)),
  stream(call: Streamed) {
    for (const event of bareEvents(call.request)) call.write(event);
    call.end();
  },
};

const server = new Server();
server.addService(definition, implementation);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  console.log(port);
});
