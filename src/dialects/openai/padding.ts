const step = 256;
const field = ',"obfuscation":""';
const end = "}\n\n";
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const encoder = new TextEncoder();

/** A frame whose JSON object is filled up to a multiple of 256 bytes: who sees the sizes of an encrypted stream sees nothing of the lengths of its tokens. */
export function padded(frame: string): string {
  const bare = encoder.encode(frame).length + field.length;
  const missing = (step - (bare % step)) % step;
  // Not the same letter again and again, which a proxy that compresses would take out; nobody needs to be unable to guess them.
  const filling = Array.from({ length: missing }, () => letters[Math.floor(Math.random() * letters.length)]).join("");
  return `${frame.slice(0, -end.length)},"obfuscation":"${filling}"${end}`;
}
