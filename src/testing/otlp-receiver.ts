import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** A span as an exporter sent it. */
export interface SentSpan {
  /** Lower-case hex, as in `traceparent`. */
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentId: string;
  readonly name: string;
  /** 1 INTERNAL, 2 SERVER, 3 CLIENT. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** Nanoseconds since the epoch. */
  readonly start: bigint;
  readonly end: bigint;
  /** 0 unset, 1 ok, 2 error. */
  readonly status: number;
}

/** A collector of OTLP over HTTP with protobuf. */
export interface OtlpReceiver {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  readonly spans: readonly SentSpan[];
  /** All bytes it was sent. */
  bytes(): Buffer;
  close(): void;
}

/** Starts one on a free port. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const bodies: Buffer[] = [];
  const spans: SentSpan[] = [];
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      bodies.push(body);
      if (request.url === "/v1/traces") spans.push(...spansOf(body));
      response.setHeader("content-type", "application/x-protobuf");
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    bytes: () => Buffer.concat(bodies),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The fields of a message, by number; numbers of opentelemetry/proto/trace/v1/trace.proto. */
type Fields = ReadonlyMap<number, readonly (Uint8Array | bigint)[]>;

function spansOf(request: Uint8Array): SentSpan[] {
  const messages = (bytes: Uint8Array, number: number) => (fieldsOf(bytes).get(number) ?? []) as Uint8Array[];
  const scopes = messages(request, 1).flatMap((resourceSpans) => messages(resourceSpans, 2));
  return scopes.flatMap((scopeSpans) => messages(scopeSpans, 2)).map((span) => spanOf(fieldsOf(span)));
}

function spanOf(fields: Fields): SentSpan {
  const hex = (number: number) => Buffer.from(bytesOf(fields, number)).toString("hex");
  const status = fieldsOf(bytesOf(fields, 15));
  return {
    traceId: hex(1),
    spanId: hex(2),
    parentId: hex(4),
    name: textOf(fields, 5),
    kind: Number(numberOf(fields, 6)),
    attributes: Object.fromEntries(((fields.get(9) ?? []) as Uint8Array[]).map(attributeOf)),
    start: numberOf(fields, 7),
    end: numberOf(fields, 8),
    status: Number(numberOf(status, 3)),
  };
}

function attributeOf(bytes: Uint8Array): [string, string | number | boolean] {
  const fields = fieldsOf(bytes);
  const value = fieldsOf(bytesOf(fields, 2));
  const name = textOf(fields, 1);
  if (value.has(1)) return [name, textOf(value, 1)];
  if (value.has(2)) return [name, numberOf(value, 2) === 1n];
  if (value.has(3)) return [name, Number(numberOf(value, 3))];
  if (value.has(4)) return [name, doubleOf(numberOf(value, 4))];
  return [name, Buffer.from(bytesOf(value, 5)).toString("latin1")];
}

function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, (Uint8Array | bigint)[]>();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    fields.set(number, [...(fields.get(number) ?? []), read(reader, type)]);
  }
  return fields;
}

function read(reader: BinaryReader, type: WireType): Uint8Array | bigint {
  if (type === WireType.LengthDelimited) return reader.bytes();
  if (type === WireType.Bit64) return BigInt(reader.fixed64());
  return type === WireType.Bit32 ? BigInt(reader.fixed32()) : BigInt(reader.uint64());
}

function bytesOf(fields: Fields, number: number): Uint8Array {
  return (fields.get(number)?.[0] as Uint8Array | undefined) ?? new Uint8Array();
}

function textOf(fields: Fields, number: number): string {
  return Buffer.from(bytesOf(fields, number)).toString();
}

function numberOf(fields: Fields, number: number): bigint {
  return (fields.get(number)?.[0] as bigint | undefined) ?? 0n;
}

function doubleOf(bits: bigint): number {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(bits);
  return bytes.readDoubleLE();
}
