import {
  create,
  fromBinary,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type Message,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import {
  createMethodImplSpec,
  createServiceImplSpec,
  type ConnectRouter,
  type Interceptor,
  type MethodImplSpec,
} from "@connectrpc/connect";
import { createMethodUrl, transformInvokeImplementation } from "@connectrpc/connect/protocol";
import { fault } from "../../core/reasons.ts";
import { begun, once, only } from "../../core/stream.ts";
import { encoderOf, type Encode } from "./encoder.ts";
import type { RpcContext } from "./rpc-context.ts";

/** An RPC that takes one message. */
export interface NativeMethod {
  readonly desc: DescMethodUnary | DescMethodServerStreaming;
  /** Throws `malformed_body` when the bytes are no such message. */
  readonly decode: (bytes: Uint8Array) => Message;
  readonly answer: Unary | Streaming;
  /** The answer as a whole message: an implementation may leave out what is empty. */
  readonly whole: (answer: object) => object;
  /** Writes a whole answer. */
  readonly encode: Encode;
}

/** A method with one answer. */
export interface Unary {
  readonly kind: "unary";
  readonly run: (request: Message, context: RpcContext) => Promise<object> | object;
}

/** A method with a stream of answers. */
export interface Streaming {
  readonly kind: "server_streaming";
  readonly run: (request: Message, context: RpcContext) => AsyncIterable<object>;
}

/** RPCs by their path. */
export type NativeMethods = ReadonlyMap<string, NativeMethod>;

/** Passes on to a router what is mounted, and notes every method that takes one message. Mounted with options of its own, it is left to the router alone. */
export function recordingRouter(
  router: ConnectRouter,
  interceptors: readonly Interceptor[],
): { readonly router: ConnectRouter; readonly methods: NativeMethods } {
  const methods = new Map<string, NativeMethod>();
  const note = (spec: MethodImplSpec) => {
    const path = createMethodUrl("/", spec.method);
    const method = nativeMethod(spec, interceptors);
    if (method === undefined) methods.delete(path);
    else methods.set(path, method);
  };
  const forget = (spec: MethodImplSpec) => void methods.delete(createMethodUrl("/", spec.method));
  const recorder: ConnectRouter = {
    handlers: router.handlers,
    service(service, implementation, options) {
      router.service(service, implementation, options);
      Object.values(createServiceImplSpec(service, implementation).methods).forEach(options === undefined ? note : forget);
      return recorder;
    },
    rpc(method, implementation, options) {
      router.rpc(method, implementation, options);
      (options === undefined ? note : forget)(createMethodImplSpec(method, implementation));
      return recorder;
    },
  };
  return { router: recorder, methods };
}

function nativeMethod(spec: MethodImplSpec, interceptors: readonly Interceptor[]): NativeMethod | undefined {
  if (spec.kind !== "unary" && spec.kind !== "server_streaming") return undefined;
  const { method: desc } = spec;
  const { input, output }: { input: DescMessage; output: DescMessage } = desc;
  return {
    desc,
    decode(bytes) {
      try {
        return fromBinary(input, bytes);
      } catch (error) {
        throw fault("malformed_body", `parse binary: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    },
    answer: interceptors.length > 0 ? intercepted(spec, interceptors) : direct(spec),
    whole: (answer) => create(output, answer as MessageInitShape<DescMessage>),
    encode: encoderOf(output),
  };
}

type OneMessageSpec = Extract<MethodImplSpec, { kind: "unary" | "server_streaming" }>;

function direct(spec: OneMessageSpec): Unary | Streaming {
  if (spec.kind === "unary") return { kind: spec.kind, run: (request, context) => spec.impl(request, context) };
  return { kind: spec.kind, run: (request, context) => spec.impl(request, context) };
}

/** Connect's own way through interceptors. */
function intercepted(spec: OneMessageSpec, interceptors: readonly Interceptor[]): Unary | Streaming {
  const run = (request: Message, context: RpcContext) =>
    begun(() => transformInvokeImplementation(spec, context.whole(), [...interceptors])(once(async () => request)));
  return spec.kind === "unary" ? { kind: spec.kind, run: (request, context) => only(run(request, context)) } : { kind: spec.kind, run };
}
