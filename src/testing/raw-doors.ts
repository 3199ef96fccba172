import { connect, type ClientHttp2Session } from "node:http2";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { ChatEventSchema, ChatRequestSchema, type ChatEvent } from "../../gen/parley/v1/chat_pb.ts";
import { framed, messagesOf, rawAnswer, rawRpc, type RawAnswer } from "./raw-rpc.ts";
import { userRequest } from "./sample-request.ts";
import { openDoors, type TestDoors } from "./test-doors.ts";

/** Paths of the two ways to chat. */
export const rawPaths = { chat: "/parley.v1.ChatService/Chat", streamed: "/parley.v1.ChatService/Stream" } as const;

/** A question as the bytes of a body. */
export const rawQuestion: Buffer = framed(toBinary(ChatRequestSchema, userRequest("hello")));

/** Doors that are asked with nothing but HTTP/2, over one connection. */
export class RawDoors {
  doors!: TestDoors;
  session!: ClientHttp2Session;

  /** Opens the doors, and a connection to them. */
  readonly open = async (...[script, options]: Parameters<typeof openDoors>): Promise<void> => {
    this.doors = await openDoors(script, options);
    this.session = connect(this.doors.url);
    this.session.on("error", () => {});
  };

  /** Sends a whole body. */
  readonly ask = (path: string, body: Uint8Array = rawQuestion, headers = {}): Promise<RawAnswer> => {
    const stream = rawRpc(this.session, path, headers);
    stream.end(body);
    return rawAnswer(stream);
  };

  async close(): Promise<void> {
    this.session.destroy();
    await this.doors.close();
  }
}

/** The reasons of an answer's rich status. */
export function reasonsOf({ rich }: RawAnswer): readonly string[] | undefined {
  return rich?.details.flatMap((detail) => anyUnpack(detail, ErrorInfoSchema)?.reason ?? []);
}

/** The events of an answer. */
export function eventsOf(answer: RawAnswer): ChatEvent[] {
  return messagesOf(answer).map(({ bytes }) => fromBinary(ChatEventSchema, bytes));
}
