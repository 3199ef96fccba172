import { EventSourceParserStream } from "eventsource-parser/stream";
import type { Container } from "./container.ts";

/** How long a container may take to answer as it should. */
const patienceMs = 120_000;
const pauseMs = 20;

/** Asks a probe again and again, as a kubelet does, until it answers 200; answers with the ms since the container was started. Throws what the container wrote when it ends instead. */
export async function untilProbed(container: Container, path: string, port = 9090): Promise<number> {
  const url = `http://${container.address}:${port}${path}`;
  let ended: number | undefined;
  void container.ended.then((code) => (ended = code));
  for (const giveUpMs = performance.now() + patienceMs; performance.now() < giveUpMs;) {
    if (ended !== undefined) throw new Error(`it ended with ${ended}: ${container.output()}`);
    if ((await statusOf(url)) === 200) return performance.now() - container.startedMs;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  throw new Error(`${path} did not answer 200 within ${patienceMs / 1000} s: ${container.output()}`);
}

/** An answer of a service. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Asks for something. */
export async function ask(url: string, body?: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const asked =
    body === undefined
      ? { headers }
      : { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
  const answer = await fetch(url, { ...asked, signal: AbortSignal.timeout(patienceMs) });
  return { status: answer.status, text: await answer.text() };
}

/** The same, of which the answer must be good. */
export async function askWell(url: string, body?: object, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const { status, text } = await ask(url, body, headers);
  if (status !== 200) throw new Error(`${url} answered ${status}: ${text.slice(0, 400)}`);
  return text;
}

/** What became of a stream that ran while its service was told to stop. */
export interface StoppedStream {
  readonly tokens: number;
  readonly exitCode: number;
  /** Frames that came after the signal. */
  readonly after: number;
}

/** Starts a stream, sends SIGTERM at its first content, and reads on. Throws where the stream does not finish as it should, or new calls are still taken. */
export async function stopUnderStream(container: Container, headers: Readonly<Record<string, string>> = {}): Promise<StoppedStream> {
  const url = `http://${container.address}:8080/v1/chat/completions`;
  const [before, after]: [string[], string[]] = [[], []];
  let isTold = false;
  for await (const frame of frames(url, headers)) {
    (isTold ? after : before).push(frame);
    if (isTold || !hasContent(frame)) continue;
    isTold = true;
    await container.signal("TERM");
    await refused(`http://${container.address}:9090/readyz`);
  }
  const all = [...before, ...after];
  if (after.at(-1) !== "[DONE]" || !all.some(isFinish)) throw new Error(`the stream was cut after ${all.length} frames: ${all.at(-1)}`);
  const exitCode = await container.ended;
  if (exitCode !== 0) throw new Error(`it ended with ${exitCode}: ${container.output()}`);
  return { tokens: all.filter(hasContent).length, exitCode, after: after.length };
}

/** The frames of a long streamed answer. */
async function* frames(url: string, headers: Readonly<Record<string, string>>): AsyncGenerator<string> {
  const messages = [{ role: "user", content: "Tell me a long story about the sea." }];
  const body = JSON.stringify({ messages, max_tokens: 8, stream: true, temperature: 0 });
  const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json", ...headers }, body });
  if (answer.status !== 200 || answer.body === null) throw new Error(`the stream answered ${answer.status}: ${await answer.text()}`);
  for await (const { data } of answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())) yield data;
}

function choiceOf(frame: string): Choice | undefined {
  return frame === "[DONE]" ? undefined : (JSON.parse(frame) as { choices: Choice[] }).choices[0];
}

function hasContent(frame: string): boolean {
  return (choiceOf(frame)?.delta.content ?? "") !== "";
}

function isFinish(frame: string): boolean {
  return (choiceOf(frame)?.finish_reason ?? null) !== null;
}

interface Choice {
  readonly delta: { readonly content?: string | null };
  readonly finish_reason: string | null;
}

/** Waits until a probe sends nobody here any more. */
async function refused(url: string): Promise<void> {
  while ((await statusOf(url)) === 200);
}

/** 0 where nobody answers. */
async function statusOf(url: string): Promise<number> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(patienceMs) });
    await answer.body?.cancel();
    return answer.status;
  } catch {
    return 0;
  }
}
