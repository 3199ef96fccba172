import type { Http2Session, ServerHttp2Stream } from "node:http2";

/** So many streams of one connection are begun in a turn of the event loop. The rest waits for the next: one read brings hundreds, and other connections are to be served between them. */
const perTurn = 32;

/** What becomes of streams. */
export interface Streams<Told> {
  readonly serve: (stream: ServerHttp2Stream, told: Told) => void;
  /** Its client has reset it in the turn in which it came. */
  readonly unseen: (session: Http2Session) => void;
}

/** A stream that waits. */
interface Waiting<Told> {
  readonly stream: ServerHttp2Stream;
  /** Whether the turn in which it came is not over. */
  isNew: boolean;
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
const isGone = ({ stream }: { readonly stream: ServerHttp2Stream }) => stream.destroyed || stream.closed;

/** Begins the streams of each connection in the order in which they came, some in each turn of the event loop. */
export function inTurns<Told>({ serve, unseen }: Streams<Told>): TakeInTurn<Told> {
  const turns = new WeakMap<Http2Session, Turn<Told>>();
  let currentTurn = 0;
  let isMarked = false;
  const nextTurn = () => {
    isMarked = false;
    currentTurn += 1;
  };
  const turnOf = (session: Http2Session): Turn<Told> => {
    let turn = turns.get(session);
    if (turn === undefined) turns.set(session, (turn = { number: currentTurn, begun: 0, waiting: [] }));
    if (turn.number === currentTurn) return turn;
    turn.number = currentTurn;
    turn.begun = 0;
    return turn;
  };
  // One that was given up while it waited for us is no fault of its client.
  const noteGone = (session: Http2Session, each: Waiting<Told>) => {
    if (each.isNew) unseen(session);
  };
  const goOn = (session: Http2Session, turn: Turn<Told>) => {
    const { waiting } = turn;
    turn.waiting = [];
    // With a connection that has ended its streams have too: nobody has reset them.
    if (session.destroyed) return;
    let served = 0;
    for (const [index, each] of waiting.entries()) {
      const { stream, told } = each;
      if (isGone(each)) noteGone(session, each);
      else if (served++ < perTurn) serve(stream, told);
      else {
        turn.waiting = [...waiting.slice(index), ...turn.waiting];
        break;
      }
    }
    for (const each of turn.waiting) each.isNew = false;
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
    const { waiting } = turn;
    const last = waiting.at(-1);
    // Seen at once, a flood ends amid what was read of it.
    if (last !== undefined && isGone(last)) {
      waiting.pop();
      noteGone(session, last);
    } else if (last === undefined) setImmediate(goOn, session, turn);
    waiting.push({ stream, told, isNew: true });
  };
}
