import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Contestant, Outcome, OwnSetup, Run } from "./contestant.ts";

/** What a program says: that it is ready, or what became of a run. */
export type FromProgram = { readonly ready: true } | { readonly outcomes: readonly Outcome[] } | { readonly failed: string };

/** How a program is started. */
export interface ProgramOptions {
  readonly setup: unknown;
  /** Variables beside those of this process. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** Starts a contestant that is a program of its own: it gets its setup and then one run after the other. */
export async function startProgram(name: string, file: string, { setup, environment }: ProgramOptions): Promise<Contestant> {
  const { UV_THREADPOOL_SIZE: _unset, ...usual } = process.env;
  const child = fork(join(import.meta.dirname, file), { env: { ...usual, ...environment } });
  const exited = new Promise<never>((_resolve, reject) => child.once("exit", () => reject(new Error(`${name} has ended`))));
  exited.catch(() => {});
  const answer = async (): Promise<FromProgram> => {
    const said = new Promise<FromProgram>((resolve) => child.once("message", (message) => resolve(message as FromProgram)));
    const message = await Promise.race([said, exited]);
    if ("failed" in message) throw new Error(`${name}: ${message.failed}`);
    return message;
  };
  const ready = answer();
  child.send({ setup });
  await ready;
  return {
    name,
    async run(run) {
      const outcomes = answer();
      child.send({ run });
      const message = await outcomes;
      return "outcomes" in message ? message.outcomes : [];
    },
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** The other side: answers with what `begin` makes of the setup. */
export function serveRuns(begin: (setup: OwnSetup) => Promise<(run: Run) => Promise<readonly Outcome[]>>): void {
  const say = (message: FromProgram) => process.send?.(message);
  let run: ((run: Run) => Promise<readonly Outcome[]>) | undefined;
  const handle = async (message: { readonly setup?: OwnSetup; readonly run?: Run }) => {
    if (message.setup !== undefined) {
      run = await begin(message.setup);
      say({ ready: true });
    }
    if (message.run !== undefined && run !== undefined) say({ outcomes: await run(message.run) });
  };
  process.on("message", (message) => {
    handle(message as object).catch((error: unknown) => say({ failed: String(error) }));
  });
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
}

/** Starts each stream of a run when it is its turn, and awaits them all. `start` calls back for every piece. */
export function runStreams(
  { streams }: Run,
  start: (stream: Run["streams"][number], index: number, onPiece: () => void) => Promise<{ tokens: number; cachedTokens: number }>,
): Promise<Outcome[]> {
  const beganMs = performance.now();
  const sinceMs = () => performance.now() - beganMs;
  const turns = streams.map(({ after }) => ({ after, ...Promise.withResolvers<void>() }));
  for (const { after, resolve } of turns) if (after === 0) resolve();
  return Promise.all(
    streams.map(async (stream, index) => {
      await turns[index]?.promise;
      const times: number[] = [];
      const onPiece = () => {
        times.push(sinceMs());
        if (index === 0) for (const { after, resolve } of turns) if (after === times.length) resolve();
      };
      const { tokens, cachedTokens } = await start(stream, index, onPiece);
      return { tokens, cachedTokens, times, endedMs: sinceMs() };
    }),
  );
}
