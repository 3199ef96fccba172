// What `helm test` runs: a chat over REST and one over gRPC, through the Service, with the key that callers use. Needs nothing but Node.
import { readFileSync } from "node:fs";
import { connect } from "node:http2";

const { PARLEY_URL: url, PARLEY_KEY_FILE: keyFile } = process.env;
const deadlineMs = 120_000;
const question = "Answer with one word: hello.";

/** The key to show: that of the file itself, or the first of a file of keys that may chat. */
function keyOf(text) {
  if (!text.trimStart().startsWith("{")) return text.trim();
  const now = Date.now();
  const mayChat = ({ key, revoked, expires, scopes = ["all"] }) =>
    key !== undefined &&
    revoked === undefined &&
    !(Date.parse(expires) <= now) &&
    scopes.some((scope) => ["all", "chat", "admin"].includes(scope));
  const found = JSON.parse(text).keys.find(mayChat);
  if (found === undefined) throw new Error("the file of keys has no key that may chat");
  return found.key;
}

async function askRest(key) {
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ messages: [{ role: "user", content: question }], max_tokens: 16 }),
    signal: AbortSignal.timeout(deadlineMs),
  });
  const body = await answer.text();
  if (answer.status !== 200) throw new Error(`REST: status ${answer.status}: ${body.slice(0, 500)}`);
  const { choices, model } = JSON.parse(body);
  if (typeof choices?.[0]?.message?.content !== "string") throw new Error("REST: there is no answer in it");
  console.log(`REST: ${model} answered`);
}

/** The bytes of a gRPC message: not compressed, its length, itself. */
function framed(message) {
  const bytes = Buffer.from(message);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** A unary RPC in gRPC's JSON encoding, so that no generated code is needed. */
function askGrpc(key) {
  const session = connect(url);
  const { promise, resolve, reject } = Promise.withResolvers();
  session.on("error", reject);
  const stream = session.request({
    ":method": "POST",
    ":path": "/parley.v1.ChatService/Chat",
    "content-type": "application/grpc+json",
    te: "trailers",
    authorization: `Bearer ${key}`,
  });
  const pieces = [];
  let status = {};
  stream.setTimeout(deadlineMs, () => reject(new Error(`gRPC: nothing came for ${deadlineMs / 1000} s`)));
  stream.on("error", reject);
  stream.on("response", (headers) => (status = headers));
  stream.on("trailers", (trailers) => (status = trailers));
  stream.on("data", (piece) => pieces.push(piece));
  stream.on("end", () => resolve({ status, message: Buffer.concat(pieces).subarray(5).toString() }));
  stream.end(framed(JSON.stringify({ messages: [{ role: "ROLE_USER", parts: [{ text: { text: question } }] }], maxTokens: 16 })));
  return promise.finally(() => session.destroy());
}

async function checkGrpc(key) {
  const { status, message } = await askGrpc(key);
  if (status["grpc-status"] !== "0")
    throw new Error(`gRPC: status ${status["grpc-status"]}: ${decodeURIComponent(status["grpc-message"] ?? "")}`);
  const { model, choices } = JSON.parse(message);
  if (choices?.length !== 1) throw new Error("gRPC: there is no answer in it");
  console.log(`gRPC: ${model} answered`);
}

try {
  const key = keyOf(readFileSync(keyFile, "utf8"));
  await askRest(key);
  await checkGrpc(key);
} catch (error) {
  console.error(error.cause?.message ?? error.message);
  process.exitCode = 1;
}
