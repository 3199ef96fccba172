import {
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type MessageShape,
} from "@bufbuild/protobuf";
import { ChatService } from "../../../gen/parley/v1/chat_pb.ts";
import { EmbeddingService } from "../../../gen/parley/v1/embeddings_pb.ts";
import { ModelService } from "../../../gen/parley/v1/models_pb.ts";
import { RerankService } from "../../../gen/parley/v1/rerank_pb.ts";
import { TokenService } from "../../../gen/parley/v1/tokens_pb.ts";

/** A method of another Parley, as bytes know it. */
export interface Method<Request, Answer> {
  readonly path: string;
  readonly encode: (request: Request) => Buffer;
  /** Throws what is no such message. Fields that this version does not know are dropped. */
  readonly decode: (bytes: Uint8Array) => Answer;
}

function method<Input extends DescMessage, Output extends DescMessage>(
  desc: DescMethodUnary<Input, Output> | DescMethodServerStreaming<Input, Output>,
): Method<MessageShape<Input>, MessageShape<Output>> {
  return {
    path: pathOf(desc),
    encode(request) {
      const bytes = toBinary(desc.input, request);
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    decode: (bytes) => fromBinary(desc.output, bytes, { readUnknownFields: false }),
  };
}

function pathOf({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}

/** Every method that is asked for. */
export const methods = {
  chat: method(ChatService.method.chat),
  stream: method(ChatService.method.stream),
  embed: method(EmbeddingService.method.embed),
  rerank: method(RerankService.method.rerank),
  tokenize: method(TokenService.method.tokenize),
  detokenize: method(TokenService.method.detokenize),
  countTokens: method(TokenService.method.countTokens),
  renderPrompt: method(TokenService.method.renderPrompt),
  warmPrompt: method(ModelService.method.warmPrompt),
  listModels: method(ModelService.method.listModels),
};
