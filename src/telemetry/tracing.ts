import {
  context,
  defaultTextMapGetter,
  INVALID_SPAN_CONTEXT,
  propagation,
  ProxyTracerProvider,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Span,
  type SpanOptions,
  type Tracer,
} from "@opentelemetry/api";
import { Code, ConnectError } from "@connectrpc/connect";
import { asFault, reasonOf, reasons } from "../core/reasons.ts";

/** The tracer of every span of ours; spans cost next to nothing while no SDK is started. Asked for each time, since an SDK may be started after this module is loaded. */
function tracer(): Tracer {
  return trace.getTracer("parley");
}

/** Stands for a span wherever none is wanted, or nobody listens. */
export const noSpan: Span = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/** Whether anybody listens to spans: without an SDK what they would say need not even be gathered. */
export function isTraced(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer("parley") !== undefined;
}

/** Opens the SERVER span of a request; its parent is what the W3C headers in `carrier` (names in lower case) say. */
export function serverSpan(name: string, carrier: Readonly<Record<string, string | string[] | undefined>>, attributes: Attributes): Span {
  const parent = propagation.extract(context.active(), carrier, defaultTextMapGetter);
  return tracer().startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
}

/** Opens a span below another. */
export function childSpan(parent: Span, name: string, options: SpanOptions): Span {
  return isTraced() ? tracer().startSpan(name, options, trace.setSpan(context.active(), parent)) : noSpan;
}

/** Ends a span; with an error it gets the error's reason as `error.type`. A fault of the caller does not mark a SERVER span as failed, as the conventions say. */
export function endSpan(span: Span, error?: unknown, endTimeMs?: number): void {
  if (error !== undefined) {
    const known = asFault(error);
    const reason = reasonOf(known);
    span.setAttribute("error.type", reason);
    if (reasons[reason].fault !== "caller") span.setStatus({ code: SpanStatusCode.ERROR, message: known.rawMessage });
  }
  span.end(endTimeMs);
}

/** The upper-case name of gRPC's status of an error, `OK` without one. */
export function grpcStatusName(error: unknown): string {
  if (error === undefined) return "OK";
  const { code } = error instanceof ConnectError ? error : asFault(error);
  return Code[code].replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
