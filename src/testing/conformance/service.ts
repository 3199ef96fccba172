import { create, type DescMessage, type Message, type MessageShape } from "@bufbuild/protobuf";
import { anyPack, type Any } from "@bufbuild/protobuf/wkt";
import { ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import {
  BidiStreamRequestSchema,
  ClientStreamRequestSchema,
  ConformancePayload_ConnectGetInfoSchema,
  ConformancePayload_RequestInfoSchema,
  ConformancePayloadSchema,
  HeaderSchema,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  UnaryRequestSchema,
  type BidiStreamRequest,
  type ConformancePayload,
  type ConformancePayload_RequestInfo,
  type ConformanceService,
  type Error as AskedError,
  type Header,
  type StreamResponseDefinition,
  type UnaryResponseDefinition,
} from "../../../gen/connectrpc/conformance/v1/service_pb.ts";

/** The service that the Connect conformance suite calls: it answers as each request says. What is left out answers UNIMPLEMENTED, as the suite wants it. */
export const conformanceService: Partial<ServiceImpl<typeof ConformanceService>> = {
  unary: async (request, context) => ({
    payload: await oneAnswer(request.responseDefinition, [pack(UnaryRequestSchema, request)], context),
  }),
  idempotentUnary: async (request, context) => ({
    payload: await oneAnswer(request.responseDefinition, [pack(IdempotentUnaryRequestSchema, request)], context),
  }),
  async clientStream(requests, context) {
    const seen: Any[] = [];
    let definition: UnaryResponseDefinition | undefined;
    for await (const request of requests) {
      if (seen.length === 0) definition = request.responseDefinition;
      seen.push(pack(ClientStreamRequestSchema, request));
    }
    return { payload: await oneAnswer(definition, seen, context) };
  },
  async *serverStream({ responseDefinition: definition, ...request }, context) {
    if (definition === undefined) return;
    setHeaders(definition, context);
    const seen = [pack(ServerStreamRequestSchema, { ...request, responseDefinition: definition })];
    for await (const payload of answers({ definition, seen, sent: 0 }, context)) yield { payload };
  },
  async *bidiStream(requests, context) {
    for await (const payload of bidiAnswers(requests, context)) yield { payload };
  },
};

function pack<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Any {
  return anyPack(schema, message as Message & MessageShape<Desc>);
}

async function oneAnswer(
  definition: UnaryResponseDefinition | undefined,
  seen: readonly Any[],
  context: HandlerContext,
): Promise<ConformancePayload> {
  const info = requestInfo(context, seen);
  if (definition === undefined) return payloadOf(undefined, info);
  setHeaders(definition, context);
  await pause(definition.responseDelayMs);
  const { response } = definition;
  if (response.case === "error") throw askedError(response.value, info);
  return payloadOf(response.value, info);
}

/** A stream of answers that goes on behind those that were sent already. */
interface Progress {
  readonly definition: StreamResponseDefinition;
  readonly seen: readonly Any[];
  readonly sent: number;
}

async function* answers({ definition, seen, sent }: Progress, context: HandlerContext): AsyncGenerator<ConformancePayload> {
  for (const [index, data] of definition.responseData.entries()) {
    if (index < sent) continue;
    await pause(definition.responseDelayMs);
    yield payloadOf(data, index === 0 ? requestInfo(context, seen) : undefined);
  }
  const { error, responseData } = definition;
  if (error !== undefined) throw askedError(error, responseData.length === 0 ? requestInfo(context, seen) : undefined);
}

async function* bidiAnswers(requests: AsyncIterable<BidiStreamRequest>, context: HandlerContext): AsyncGenerator<ConformancePayload> {
  let first: BidiStreamRequest | undefined;
  let seen: Any[] = [];
  let sent = 0;
  for await (const request of requests) {
    seen.push(pack(BidiStreamRequestSchema, request));
    if (first === undefined) setHeaders(request.responseDefinition, context);
    first ??= request;
    if (!first.fullDuplex) continue;
    const { responseData = [], responseDelayMs = 0 } = first.responseDefinition ?? {};
    const data = responseData[sent];
    if (data === undefined) break;
    const info = sent === 0 ? requestInfo(context, seen) : create(ConformancePayload_RequestInfoSchema, { requests: seen });
    await pause(responseDelayMs);
    yield payloadOf(data, info);
    sent += 1;
    seen = [];
  }
  if (first?.responseDefinition !== undefined) yield* answers({ definition: first.responseDefinition, seen, sent }, context);
}

function payloadOf(data: Uint8Array | undefined, info: ConformancePayload_RequestInfo | undefined): ConformancePayload {
  return create(ConformancePayloadSchema, { data: data ?? new Uint8Array(), ...(info === undefined ? {} : { requestInfo: info }) });
}

function requestInfo(
  { requestHeader, timeoutMs, requestMethod, url }: HandlerContext,
  requests: readonly Any[],
): ConformancePayload_RequestInfo {
  const left = timeoutMs();
  const info = create(ConformancePayload_RequestInfoSchema, { requestHeaders: headersOf(requestHeader), requests: [...requests] });
  if (left !== undefined) info.timeoutMs = BigInt(Math.trunc(left));
  if (requestMethod === "GET") {
    const queryParams = headersOf(new URL(url).searchParams);
    info.connectGetInfo = create(ConformancePayload_ConnectGetInfoSchema, { queryParams });
  }
  return info;
}

function headersOf(values: Iterable<[string, string]>): Header[] {
  return Array.from(values, ([name, value]) => create(HeaderSchema, { name, value: [value] }));
}

interface WithHeaders {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
}

function setHeaders(definition: WithHeaders | undefined, { responseHeader, responseTrailer }: HandlerContext): void {
  const { responseHeaders = [], responseTrailers = [] } = definition ?? {};
  for (const { name, value } of responseHeaders) for (const each of value) responseHeader.append(name, each);
  for (const { name, value } of responseTrailers) for (const each of value) responseTrailer.append(name, each);
}

/** The error that a request asks for; with what was asked as its last detail, where the suite wants that. */
function askedError({ code, message, details }: AskedError, info: ConformancePayload_RequestInfo | undefined): ConnectError {
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the suite numbers its codes as Connect does
  const error = new ConnectError(message ?? "", code as number);
  const asked = details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
  error.details = [...asked, ...(info === undefined ? [] : [{ desc: ConformancePayload_RequestInfoSchema, value: info }])];
  return error;
}

function pause(ms: number): Promise<void> {
  return ms === 0 ? Promise.resolve() : new Promise((resolve) => void setTimeout(resolve, ms));
}
