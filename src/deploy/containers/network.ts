import { randomInt } from "node:crypto";
import { run } from "../programs.ts";

/** A network of one container: this machine reaches it by an address of its own, and it reaches nothing else. */
export interface Network {
  /** Of its namespace. */
  readonly name: string;
  /** The container's. */
  readonly address: string;
  /** This machine's, as the container sees it. */
  readonly hostAddress: string;
  remove(): Promise<void>;
}

/** Makes one. Its addresses are taken at random from a block for tests of networks (198.18.0.0/15). */
export async function makeNetwork(): Promise<Network> {
  const id = randomInt(0, 1 << 15);
  const name = `parley-${id.toString(16)}`;
  const [outside, inside] = [`pv${id.toString(16)}`, `pw${id.toString(16)}`];
  const at = (last: number) => `198.${18 + (id >> 14)}.${(id >> 6) & 255}.${(id & 63) * 4 + last}`;
  const [hostAddress, address] = [at(1), at(2)];
  await ip("netns", "add", name);
  try {
    await ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", name);
    await ip("addr", "add", `${hostAddress}/30`, "dev", outside);
    await ip("link", "set", outside, "up");
    for (const words of [`addr add ${address}/30 dev ${inside}`, `link set ${inside} up`, "link set lo up"])
      await ip("-n", name, ...words.split(" "));
  } catch (error) {
    await ip("netns", "del", name);
    throw error;
  }
  return { name, address, hostAddress, remove: () => ip("netns", "del", name) };
}

async function ip(...words: readonly string[]): Promise<void> {
  await run("ip", words);
}
