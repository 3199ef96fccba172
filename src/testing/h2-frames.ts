/** Types of HTTP/2's frames. */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
};

/** Flags of frames. */
export const frameFlag = { endStream: 1, ack: 1, endHeaders: 4 };

/** The words that every connection of HTTP/2 begins with. */
export const connectionPreface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** What a frame says before its payload. */
export interface FrameHead {
  readonly type: number;
  readonly flags?: number;
  /** 0: the connection. */
  readonly stream?: number;
}

/** Writes a frame, right or wrong. */
export function h2Frame({ type, flags = 0, stream = 0 }: FrameHead, payload: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A SETTINGS frame. */
export function settingsFrame(settings: Readonly<Record<number, number>> = {}): Buffer {
  const pairs = Object.entries(settings).map(([id, value]) => {
    const pair = Buffer.alloc(6);
    pair.writeUInt16BE(Number(id));
    pair.writeUInt32BE(value, 2);
    return pair;
  });
  return h2Frame({ type: frameType.settings }, Buffer.concat(pairs));
}

/** A number as the payload of RST_STREAM and WINDOW_UPDATE. */
export function word32(value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return payload;
}

/** A header as HPACK writes it without its tables: names and values below 127 bytes. */
export function hpackHeader(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)]);
}

/** The headers of a request. */
export function hpackRequest(path: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const all = { ":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost", ...headers };
  return Buffer.concat(Object.entries(all).map(([name, value]) => hpackHeader(name, value)));
}
