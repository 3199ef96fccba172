import type { Http2Session, ServerHttp2Stream } from "node:http2";

/** So many streams of one connection are begun in a turn of the event loop. The rest waits for the next: one read brings hundreds, and other connections are to be served between them. */
const perTurn = 32;

/** What becomes of streams. */
export interface Streams<Told> {
  readonly serve: (stream: ServerHttp2Stream, told: Told) => void;
  /** Its client has reset it before its turn came. */
  readonly unseen: (session: Http2Session) => void;
}

/** A stream that waits. */
interface Waiting<Told> {
  readonly stream: ServerHttp2Stream;
  readonly told: Told;
}

/** Of one connection. */
interface Turn<Told> {
  /** Which turn it was counted in. */
  number: number;
  begun: number;
  waiting: Waiting<Told>[];
}

/** Takes a stream of a connection, with what else was told of it. */
export type TakeInTurn<Told> = (session: Http2Session, stream: ServerHttp2Stream, told: Told) => void;

const ignore = () => {};

/** Begins the streams of each connection in the order in which they came, some in each turn of the event loop. */
export function inTurns<Told>({ serve, unseen }: Streams<Told>): TakeInTurn<Told> {
  const turns = new WeakMap<Http2Session, Turn<Told>>();
  let number = 0;
  let isMarked = false;
  const nextTurn = () => {
    isMarked = false;
    number += 1;
  };
  const turnOf = (session: Http2Session): Turn<Told> => {
    let turn = turns.get(session);
    if (turn === undefined) turns.set(session, (turn = { number, begun: 0, waiting: [] }));
    if (turn.number === number) return turn;
    turn.number = number;
    turn.begun = 0;
    return turn;
  };
  const goOn = (session: Http2Session, turn: Turn<Told>) => {
    const { waiting } = turn;
    turn.waiting = [];
    let begun = 0;
    for (const [index, { stream, told }] of waiting.entries()) {
      if (stream.destroyed || stream.closed) unseen(session);
      else if (begun++ < perTurn) serve(stream, told);
      else {
        turn.waiting = [...waiting.slice(index), ...turn.waiting];
        break;
      }
    }
    if (turn.waiting.length > 0) setImmediate(goOn, session, turn);
  };
  return function take(session, stream, told) {
    if (!isMarked) {
      isMarked = true;
      setImmediate(nextTurn);
    }
    const turn = turnOf(session);
    if (turn.waiting.length === 0 && turn.begun < perTurn) {
      turn.begun += 1;
      serve(stream, told);
      return;
    }
    // Its error, unheard, would end the process.
    stream.on("error", ignore);
    turn.waiting.push({ stream, told });
    if (turn.waiting.length === 1) setImmediate(goOn, session, turn);
  };
}
