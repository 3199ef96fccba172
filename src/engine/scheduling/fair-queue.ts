/** Which of two lines something waits in. */
export interface Waiting {
  readonly priority: "interactive" | "batch";
}

/** A queue of two lines. */
export interface FairQueue<Entry extends Waiting> {
  readonly length: number;
  push(entry: Entry): void;
  /** Takes the next. */
  shift(): Entry | undefined;
  /** Takes one out of its turn; false when it does not wait. */
  remove(entry: Entry): boolean;
  /** All, in the order in which they would be taken. */
  inOrder(): Entry[];
}

/** So many interactive entries may pass a batch entry that waits. */
const mostPassed = 4;

/** First come, first served in each line; interactive before batch, but after four interactive entries one of batch has its turn, so that it never starves. */
export function fairQueue<Entry extends Waiting>(): FairQueue<Entry> {
  const lines = { interactive: [] as Entry[], batch: [] as Entry[] };
  let passed = 0;
  return {
    get length() {
      return lines.interactive.length + lines.batch.length;
    },
    push: (entry) => void lines[entry.priority].push(entry),
    shift() {
      const next = nextLine(lines.interactive.length, lines.batch.length, passed);
      passed = next === "interactive" && lines.batch.length > 0 ? passed + 1 : 0;
      return lines[next].shift();
    },
    remove(entry) {
      const line = lines[entry.priority];
      const at = line.indexOf(entry);
      if (at < 0) return false;
      line.splice(at, 1);
      return true;
    },
    inOrder() {
      const order: Entry[] = [];
      let [interactive, batch, run] = [0, 0, passed];
      while (interactive < lines.interactive.length || batch < lines.batch.length) {
        const next = nextLine(lines.interactive.length - interactive, lines.batch.length - batch, run);
        run = next === "interactive" && batch < lines.batch.length ? run + 1 : 0;
        order.push(lines[next][next === "interactive" ? interactive++ : batch++]!);
      }
      return order;
    },
  };
}

function nextLine(interactive: number, batch: number, passed: number): "interactive" | "batch" {
  return interactive === 0 || (batch > 0 && passed >= mostPassed) ? "batch" : "interactive";
}
