import type { DescMethod } from "@bufbuild/protobuf";
import { createContextValues, type ContextKey, type ContextValues, type HandlerContext } from "@connectrpc/connect";
import { fault } from "../../core/reasons.ts";
import { linkSignal, type LinkedSignal } from "../../core/signals.ts";
import { schemeOf, type Admitted, type RequestHead } from "../exchange.ts";
import { exchangeKey } from "../rpc/exchange-key.ts";

/** What an RPC's implementation is told of its call. Most look at little of it: the rest is made when it is looked at. */
export class RpcContext implements HandlerContext {
  readonly method: DescMethod;
  readonly protocolName = "grpc";
  readonly requestMethod = "POST";
  readonly #admitted: Admitted;
  readonly #head: RequestHead;
  #requestHeader: Headers | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  #values: ContextValues | undefined;
  #link: LinkedSignal | undefined;

  constructor(method: DescMethod, admitted: Admitted, head: RequestHead) {
    this.method = method;
    this.#admitted = admitted;
    this.#head = head;
  }

  get service() {
    return this.method.parent;
  }

  get values(): ContextValues {
    return (this.#values ??= new CallValues(this.#admitted));
  }

  get url(): string {
    return `${schemeOf(this.#head)}://${this.#head.authority ?? ""}${this.#head.url ?? ""}`;
  }

  get requestHeader(): Headers {
    return (this.#requestHeader ??= headersOf(this.#head));
  }

  get responseHeader(): Headers {
    return (this.#responseHeader ??= new Headers());
  }

  get responseTrailer(): Headers {
    return (this.#responseTrailer ??= new Headers());
  }

  /** Aborted with the call, and at its end. */
  get signal(): AbortSignal {
    return (this.#link ??= linkSignal(this.#admitted.call.signal)).signal;
  }

  get timeoutMs(): () => number | undefined {
    const { deadlineMs } = this.#admitted.call;
    return () => (deadlineMs === undefined ? undefined : deadlineMs - performance.timeOrigin - performance.now());
  }

  /** What the implementation has added to the headers of its answer. */
  get addedHeaders(): Headers | undefined {
    return this.#responseHeader;
  }

  /** What it has added to the trailers. */
  get addedTrailers(): Headers | undefined {
    return this.#responseTrailer;
  }

  /** The same with every part made, as a plain object. */
  whole(): HandlerContext {
    const { method, service, signal, timeoutMs, requestMethod, requestHeader, responseHeader, responseTrailer } = this;
    const { protocolName, values, url } = this;
    return {
      method,
      service,
      signal,
      timeoutMs,
      requestMethod,
      requestHeader,
      responseHeader,
      responseTrailer,
      protocolName,
      values,
      url,
    };
  }

  /** The call has ended: so does what still runs for it. */
  end(): void {
    if (this.#link === undefined) return;
    this.#link.release();
    this.#link.abort(fault("caller_gone", "the call has ended"));
  }
}

/** Values of a call, of which most have one alone: Connect's own, which are an object with a key made at run time, cost as much as a whole layer. */
class CallValues implements ContextValues {
  readonly #admitted: Admitted;
  #others: ContextValues | undefined;

  constructor(admitted: Admitted) {
    this.#admitted = admitted;
  }

  get<Value>(key: ContextKey<Value>): Value {
    if (this.#others !== undefined) return this.#others.get(key);
    return key.id === exchangeKey.id ? (this.#admitted as Value) : key.defaultValue;
  }

  set<Value>(key: ContextKey<Value>, value: Value): this {
    this.#all().set(key, value);
    return this;
  }

  delete(key: ContextKey<unknown>): this {
    this.#all().delete(key);
    return this;
  }

  #all(): ContextValues {
    return (this.#others ??= createContextValues().set(exchangeKey, this.#admitted));
  }
}

function headersOf({ headers }: RequestHead): Headers {
  const header = new Headers();
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || name.startsWith(":")) continue;
    if (typeof value === "string") header.append(name, value);
    else for (const item of value) header.append(name, item);
  }
  return header;
}
