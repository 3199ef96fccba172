/** Random bytes in store: asking for as many as one id takes costs more than a call's other parts. */
const store = Buffer.alloc(4096);
const idBytes = 16;
let used = store.length;

/** 32 hexadecimal digits that nobody can guess, behind a prefix: `req_`, `chatcmpl-`. */
export function randomId(prefix: string): string {
  if (used === store.length) {
    crypto.getRandomValues(store);
    used = 0;
  }
  used += idBytes;
  return prefix + store.toString("hex", used - idBytes, used);
}
