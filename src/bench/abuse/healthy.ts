import { Agent, request } from "node:http";
import { connect, type ClientHttp2Session } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { toBinary } from "@bufbuild/protobuf";
import { ChatRequestSchema } from "../../../gen/parley/v1/chat_pb.ts";
import { framed, rawAnswer, rawRpc } from "../../testing/raw-rpc.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { unaryWords } from "../requests.ts";
import { median } from "../statistics.ts";

/** Between two requests of one client, ms. */
const pauseMs = 2;

/** Clients that mean well: some over gRPC, some over REST, each with one request at a time. */
export interface Healthy {
  /** How long each answer took since the last call, ms, and how many calls failed. */
  taken(): { readonly times: readonly number[]; readonly failed: number };
  stop(): void;
}

/** Starts so many of each. */
export function healthyClients(port: number, each: number): Healthy {
  const agent = new Agent({ keepAlive: true, maxSockets: each });
  let session = openSession(port);
  let times: number[] = [];
  let failed = 0;
  const over = new AbortController();
  const keepAsking = async (ask: () => Promise<void>) => {
    while (!over.signal.aborted) {
      const startedMs = performance.now();
      try {
        await ask();
        times.push(performance.now() - startedMs);
      } catch {
        if (!over.signal.aborted) failed += 1;
      }
      await sleep(pauseMs);
    }
  };
  for (let index = 0; index < each; index++) {
    void keepAsking(() => {
      if (session.closed || session.destroyed) session = openSession(port);
      return askGrpc(session);
    });
    void keepAsking(() => askRest(port, agent));
  }
  return {
    taken() {
      const taken = { times, failed };
      times = [];
      failed = 0;
      return taken;
    },
    stop() {
      over.abort();
      session.destroy();
      agent.destroy();
    },
  };
}

function openSession(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
  // Told by its calls.
  session.on("error", () => {});
  return session;
}

const message = framed(toBinary(ChatRequestSchema, userRequest(unaryWords)));

async function askGrpc(session: ClientHttp2Session): Promise<void> {
  const stream = rawRpc(session, "/parley.v1.ChatService/Chat");
  stream.end(message);
  const { status } = await rawAnswer(stream);
  if (status !== 0) throw new Error(`a healthy call over gRPC ended with status ${status}`);
}

const body = JSON.stringify({ messages: [{ role: "user", content: unaryWords }] });
const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };

function askRest(port: number, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: "127.0.0.1", agent, method: "POST", path: "/v1/chat/completions", headers }, (response) => {
      response.resume();
      response.once("error", reject);
      response.once("end", () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`a healthy call over REST ended with status ${response.statusCode}`)),
      );
    });
    asked.once("error", reject);
    asked.end(body);
  });
}

/** What they notice, of several rounds of so many seconds: whatever else runs on a shared machine is told from the attack by the median. */
export async function noticed(
  healthy: Healthy,
  { seconds, rounds }: { readonly seconds: number; readonly rounds: number },
): Promise<{ readonly p99Ms: number; readonly failed: number }> {
  const all: number[] = [];
  let lost = 0;
  for (let round = 0; round < rounds; round++) {
    await sleep(seconds * 1000);
    const { times, failed } = healthy.taken();
    all.push(p99(times));
    lost += failed;
  }
  return { p99Ms: median(all), failed: lost };
}

/** The time that one in a hundred takes longer than. */
export function p99(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
}
