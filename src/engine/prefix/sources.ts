import type { Left, Slot, Taken } from "../scheduling/slots.ts";
import { tokensRead } from "../scheduling/slots.ts";
import { commonTokens } from "./common.ts";
import type { DiskEntry, DiskStates } from "./disk-states.ts";
import type { MemoryStates, State } from "./memory-states.ts";

/** What a choice needs of a prefix. */
export interface Need {
  readonly tenant: string;
  readonly tokens: readonly number[];
  /** So many tokens may come from elsewhere. */
  readonly most: number;
}

/** Where a prompt's beginning can be had from. `tokens` of it are of use. */
export type Source = { readonly tokens: number } & (
  | { readonly type: "nothing" }
  /** The sequence itself still has it. */
  | { readonly type: "own"; readonly left: Left }
  | { readonly type: "state"; readonly state: State }
  | { readonly type: "slot"; readonly slot: Slot }
  | { readonly type: "disk"; readonly entry: DiskEntry }
);

/** What is looked through. */
export interface Shelves {
  readonly slots: readonly Slot[];
  readonly memory: MemoryStates | undefined;
  readonly disk: DiskStates | undefined;
  /** Whether a state can be cut back to fewer tokens; where not, it is of use only as a whole. */
  readonly canCut: boolean;
}

/** Copying takes a few ms; what is in the sequence already is free. */
export const leastCopied = 16;

const nothing: Source = { type: "nothing", tokens: 0 };

/** The longest beginning of a prompt that is there now; of equals what costs the least. */
export function bestSource(own: Slot, need: Need, shelves: Shelves): Source {
  const inPlace = ownSource(own, need, shelves);
  const best = [...copies(own, need, shelves)].reduce((found, next) => (next.tokens > found.tokens ? next : found), nothing);
  return best.tokens >= inPlace.tokens + leastCopied ? best : inPlace;
}

/** What the sequence holds of it from before. */
export function ownSource({ left }: Slot, need: Need, shelves: Shelves): Source {
  if (left?.tenant !== need.tenant) return nothing;
  const tokens = useful(left.tokens, need, shelves);
  return tokens === 0 ? nothing : { type: "own", left, tokens };
}

function* copies(own: Slot, need: Need, shelves: Shelves): Generator<Source> {
  const { slots, memory, disk } = shelves;
  if (memory === undefined) return;
  for (const { state, common } of memory.matches(need.tenant, need.tokens))
    yield { type: "state", state, tokens: cut({ length: state.tokens.length, common }, need, shelves) };
  for (const slot of slots) {
    const held = slot === own || slot.isBroken ? undefined : heldBy(slot, need.tenant, shelves.canCut);
    if (held !== undefined) yield { type: "slot", slot, tokens: useful(held, need, shelves) };
  }
  if (disk === undefined) return;
  for (const { entry, common } of disk.matches(need.tenant, need.tokens))
    yield { type: "disk", entry, tokens: cut({ length: entry.tokens.length, common }, need, shelves) };
}

/** What a slot's sequence holds, of a prompt that is being answered no more than what was read of it. */
function heldBy({ taken, left, sequence }: Slot, tenant: string, canCut: boolean): readonly number[] | undefined {
  if (taken?.choice === undefined) return left?.tenant === tenant ? left.tokens : undefined;
  if (taken.job.tenant !== tenant || taken.isSpoilt) return undefined;
  const read = tokensRead(taken);
  return canCut || sequence.nextTokenIndex === read ? taken.job.prompt.tokens.slice(0, read) : undefined;
}

function useful(tokens: readonly number[], need: Need, shelves: Shelves): number {
  return cut({ length: tokens.length, common: commonTokens(tokens, need.tokens) }, need, shelves);
}

function cut({ length, common }: { readonly length: number; readonly common: number }, { most }: Need, { canCut }: Shelves): number {
  if (canCut) return Math.min(common, most);
  return common === length && length <= most ? length : 0;
}

/** A beginning of a prompt that another is about to read. */
export interface Coming {
  readonly on: Taken;
  readonly tokens: number;
}

/** The one who is about to read more of a prompt's beginning than there is now: the longest such beginning, of equals the oldest. */
export function comingSource(taken: Taken, need: Need, slots: readonly Slot[]): Coming | undefined {
  const older = slots.flatMap(({ taken: other }) => (other !== undefined && other.order < taken.order ? [other] : []));
  const coming = older
    .filter((other) => other.job.tenant === need.tenant && isComing(other))
    .map((on) => ({ on, tokens: Math.min(commonTokens(on.job.prompt.tokens, need.tokens), need.most) }))
    .filter(({ on, tokens }) => tokens > tokensRead(on));
  return coming.toSorted((one, other) => other.tokens - one.tokens || one.on.order - other.on.order)[0];
}

/** Whether a choice goes on reading: nobody needs to wait for one that does not. */
export function isComing({ job, isEnded, isSpoilt }: Taken): boolean {
  return !job.isOver && !job.isPaused && !isEnded && !isSpoilt;
}
