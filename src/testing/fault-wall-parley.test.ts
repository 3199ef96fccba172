import { cellsOf, nameOf, type Faulty } from "./wall/wall.ts";
import { played, playedFault, playedText } from "./played-parley.ts";
import { PlayedError, startScriptedParley, type PlayedMessage } from "./upstream/parley.ts";
import { breaks, ends, movesOn, served, type Mode, type Outcomes, type ParleyRow } from "./wall/cells.ts";
import { wallTests } from "./wall/tests.ts";

const both = (outcomes: Outcomes) => ({ stream: outcomes, unary: outcomes });
const whole = { id: "x", choices: [{ index: 0, reason: "FINISH_REASON_STOP", message: { parts: [{ text: { text: "all" } }] } }] };
const some: readonly PlayedMessage[] = [played.accepted, played.started, playedText("a"), playedText("b")];
const good = (mode: Mode): readonly PlayedMessage[] => (mode === "unary" ? [whole] : [...some, played.finished, played.completed]);

/** Some messages, and then the end that `last` makes. */
async function* then(messages: readonly PlayedMessage[], last: () => Promise<void> | void): AsyncGenerator<PlayedMessage> {
  yield* messages;
  await last();
}

const fail = (error: PlayedError) => () => {
  throw error;
};
const fails = (error: PlayedError) => () => then([], fail(error));
const silent = () => new Promise<void>(() => {});
const fault = (code: number, reason: string, more = {}) => playedFault(code, "it said so", { reason, ...more });

const rows: readonly ParleyRow[] = [
  { name: "well", play: good, ...both(served()) },
  { name: "away", isAway: true, play: good, ...both(movesOn("provider_unavailable", { alone: 2, paired: 1 })) },
  { name: "caller", play: fails(fault(3, "INVALID_REQUEST")), ...both(ends("invalid_request")) },
  { name: "filtered", play: fails(fault(3, "CONTENT_FILTERED")), ...both(ends("content_filtered")) },
  { name: "too-long", play: fails(fault(3, "CONTEXT_LENGTH_EXCEEDED")), ...both(movesOn("context_length_exceeded")) },
  { name: "unknown-model", play: fails(fault(5, "MODEL_NOT_FOUND")), ...both(movesOn("model_not_found")) },
  { name: "our-key", play: fails(fault(16, "UNAUTHENTICATED")), ...both(movesOn("provider_credentials")) },
  {
    name: "limited",
    play: fails(fault(8, "RATE_LIMITED", { retryMs: 30_000 })),
    ...both(movesOn("provider_rate_limited", { tellsWhen: true })),
  },
  { name: "its-upstream", play: fails(fault(14, "PROVIDER_ERROR")), ...both(movesOn("provider_error", { alone: 2 })) },
  { name: "draining", play: fails(fault(14, "DRAINING")), ...both(movesOn("provider_unavailable", { alone: 2, paired: 1 })) },
  { name: "malformed", play: fails(fault(14, "PROVIDER_MALFORMED")), ...both(movesOn("provider_malformed")) },
  { name: "bare", play: fails(new PlayedError(14, "gone")), ...both(movesOn("provider_unavailable", { alone: 2, paired: 1 })) },
  {
    name: "once",
    play: (mode, number) => (number === 1 ? then([], fail(fault(14, "PROVIDER_ERROR"))) : good(mode)),
    ...both(served(2)),
  },
  { name: "silent", silence: "early", play: () => then([], silent), ...both(movesOn("provider_timeout")) },
  {
    name: "admitted-and-silent",
    silence: "early",
    play: (mode) => then(mode === "stream" ? [played.accepted] : [], silent),
    ...both(movesOn("provider_timeout")),
  },
  {
    name: "ended-and-silent",
    silence: "late",
    play: (mode) => then(good(mode), silent),
    ...both(served()),
  },
  {
    name: "stall",
    silence: "late",
    play: (mode) => then(mode === "stream" ? some : [], silent),
    stream: breaks("provider_timeout"),
    unary: movesOn("provider_timeout"),
  },
  {
    name: "breaks-off",
    play: (mode) => then(mode === "stream" ? some : [], fail(new PlayedError(14, "gone"))),
    stream: breaks("provider_unavailable"),
    unary: movesOn("provider_unavailable", { alone: 2, paired: 1 }),
  },
  {
    name: "no-finish",
    play: (mode) => (mode === "stream" ? some : [{ id: "x" }]),
    stream: breaks("provider_truncated"),
    unary: movesOn("provider_malformed"),
  },
  {
    name: "no-completion",
    play: (mode) => (mode === "stream" ? [...some, played.finished] : [whole]),
    ...both(served()),
  },
  {
    name: "odd-choice",
    play: (mode) => (mode === "stream" ? [...some, playedText("x", 9)] : [{ choices: [{ index: 9 }] }]),
    stream: breaks("provider_malformed"),
    unary: movesOn("provider_malformed"),
  },
];

const cells = cellsOf(rows, "parley");

wallTests(cells, async (): Promise<Faulty> => {
  const byName = new Map(cells.map((cell) => [nameOf(cell), cell] as const));
  const numbers = new Map<string, number>();
  const other = await startScriptedParley(({ message }) => {
    const model = String(message["model"]);
    const found = byName.get(model);
    if (found === undefined) throw new PlayedError(5, `nobody asked for ${model}`);
    const number = (numbers.get(model) ?? 0) + 1;
    numbers.set(model, number);
    return found.row.play(found.mode, number);
  });
  return { url: `127.0.0.1:${other.port}`, asked: (name) => numbers.get(name) ?? 0, close: async () => other.close() };
});
