import { describe, expect, it } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { heartbeat, type Heartbeat } from "./heartbeat.ts";

/** Blocks this thread, as one long call does, or a stop of the whole process. */
const standStill = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

describe("the heartbeat of a process", () => {
  it("tells of silence once, after longer than is allowed and not before", () => {
    const clock = fakeClock();
    const told: number[] = [];
    const beganMs = clock.now();
    heartbeat({ clock, silenceMs: 30_000, ping: () => {}, onSilence: () => told.push(clock.now() - beganMs) });
    clock.advance(30_000);
    expect(told).toEqual([]);
    clock.advance(600_000);
    expect(told).toEqual([40_000]);
    expect(clock.pending()).toBe(0);
  });

  it("is content with anything that it hears", () => {
    const clock = fakeClock();
    let silences = 0;
    const heart = heartbeat({ clock, silenceMs: 30_000, ping: () => {}, onSilence: () => silences++ });
    for (let seconds = 0; seconds < 300; seconds += 20) {
      clock.advance(20_000);
      heart.heard();
    }
    expect(silences).toBe(0);
  });

  it("does not take a standstill of its own process for silence of the other", async () => {
    let silences = 0;
    const lived = await new Promise<number>((resolve) => {
      let pings = 0;
      // Answers are read in a later phase of the event loop than timers, as messages of a child process are.
      const ping = () => {
        pings++;
        setImmediate(() => {
          heart.heard();
          if (pings === 2) standStill(200);
        });
        if (pings === 5) resolve(pings);
      };
      const onSilence = () => resolve(++silences);
      const heart: Heartbeat = heartbeat({ clock: systemClock, silenceMs: 60, ping, onSilence });
    });
    expect([lived, silences]).toEqual([5, 0]);
  });
});
