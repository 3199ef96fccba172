import { setTimeout as sleep } from "node:timers/promises";
import { attackPort, attacks, type Attack, type AttackName, type Attacked } from "../../testing/attacks.ts";

// Attacks a port over so many connections until it is told to end, and opens another for each that is cut off. Started by `abuse`, in a process of its own.
// At the end it says how often it was cut off, and after how long.

const [portText = "", name = "", connectionsText = "", pauseText = ""] = process.argv.slice(2);
const attack: Attack = attacks[name as AttackName];
const running = new Set<Attacked>();
const cuts: number[] = [];
const over = new AbortController();

async function keepOn(): Promise<void> {
  while (!over.signal.aborted) {
    const attacked = attackPort(Number(portText), attack);
    running.add(attacked);
    const { ms } = await attacked.closed;
    running.delete(attacked);
    if (!over.signal.aborted) cuts.push(ms);
    // Attackers know nothing of one another: what they do together is chance.
    await sleep(Number(pauseText) * (0.5 + Math.random()));
  }
}

// Whoever started it is gone.
process.once("disconnect", () => process.exit());
process.once("message", () => {
  over.abort();
  process.send?.({ cuts }, () => process.exit());
});
for (let index = 0; index < Number(connectionsText); index++) {
  void keepOn();
  // Not all at once: to open a thousand connections is an attack of another kind.
  await sleep(3 * Math.random() * (Number(connectionsText) < 10 ? 10 : 2));
}
process.send?.("opened");
