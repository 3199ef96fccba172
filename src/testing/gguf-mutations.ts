import { seededDraw, type Draw } from "./seeded-random.ts";

/** A number, or a run of bytes, of a GGUF header, by its place. */
interface Part {
  readonly at: number;
  readonly bytes: number;
}

/** The places of a header by what they mean. */
interface Layout {
  readonly counts: readonly Part[];
  readonly types: readonly Part[];
  readonly lengths: readonly Part[];
  readonly values: readonly Part[];
  /** Values in lists: a vocabulary's for the most part. */
  readonly items: readonly Part[];
  readonly shapes: readonly Part[];
  readonly offsets: readonly Part[];
  readonly texts: readonly Part[];
  /** Where the header ends. */
  readonly end: number;
}

/** A header with something wrong, and the kind of wrong. */
export interface Mutant {
  readonly kind: string;
  readonly bytes: Buffer;
}

const valueBytes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8] as const;
const textType = 8;
const arrayType = 9;
/** Numbers at which readers break. */
const edges = [0n, 1n, 2n, 7n, 255n, 4096n, 65_536n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n];
const typeNumbers = [0, 1, 4, 5, 6, 8, 9, 12, 13, 14, 30, 42, 43, 255];

/** Makes mutants of a well-formed GGUF file, the same for the same seed: each of another kind than the one before. */
export function* ggufMutants(file: Buffer, seed: number): Generator<Mutant, never, undefined> {
  const layout = layoutOf(file);
  const draw = seededDraw(seed);
  const kinds = Object.entries(mutations);
  for (let index = 0; ; index++) {
    const [kind, mutate] = kinds[index % kinds.length]!;
    yield { kind, bytes: mutate(file, { layout, draw }) };
  }
}

interface Means {
  readonly layout: Layout;
  readonly draw: Draw;
}

type Mutate = (file: Buffer, means: Means) => Buffer;

const mutations: Readonly<Record<string, Mutate>> = {
  "bits flipped": changed((bytes, { layout, draw }) => {
    for (let flips = 1 + draw(8); flips > 0; flips--) {
      const at = draw(layout.end);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << draw(8));
    }
  }),
  "cut off": (file, { layout, draw }) => Buffer.from(file.subarray(0, draw(2) === 0 ? draw(layout.end) : draw(file.length))),
  "huge count": changed((bytes, { layout, draw }) => writeEdge(bytes, pick(layout.counts, draw), draw)),
  "other length": changed((bytes, { layout, draw }) => writeEdge(bytes, pick(layout.lengths, draw), draw)),
  "other type": changed((bytes, { layout, draw }) => void bytes.writeUInt32LE(pick(typeNumbers, draw), pick(layout.types, draw).at)),
  "other value": changed((bytes, { layout, draw }) => {
    for (let values = 1 + draw(3); values > 0; values--) writeEdge(bytes, pick(draw(4) === 0 ? layout.items : layout.values, draw), draw);
  }),
  "other shape": changed((bytes, { layout, draw }) => writeEdge(bytes, pick(layout.shapes, draw), draw)),
  "shapes swapped": changed((bytes, { layout, draw }) => swap(bytes, pick(layout.shapes, draw), pick(layout.shapes, draw))),
  "other offset": changed((bytes, { layout, draw }) => writeEdge(bytes, pick(layout.offsets, draw), draw)),
  "offsets swapped": changed((bytes, { layout, draw }) => swap(bytes, pick(layout.offsets, draw), pick(layout.offsets, draw))),
  "bytes put in": (file, { layout, draw }) => {
    const at = draw(layout.end);
    return Buffer.concat([file.subarray(0, at), noise(1 + draw(64), draw), file.subarray(at)]);
  },
  "bytes taken out": (file, { layout, draw }) => {
    const at = draw(layout.end);
    return Buffer.concat([file.subarray(0, at), file.subarray(at + 1 + draw(64))]);
  },
  "part doubled": changed((bytes, { layout, draw }) => void bytes.copy(bytes, draw(layout.end), draw(layout.end), draw(layout.end))),
  "other text": changed((bytes, { layout, draw }) => {
    // Most texts are a vocabulary's; the first are those of the metadata.
    const { at, bytes: length } = pick(draw(2) === 0 ? layout.texts.slice(0, 40) : layout.texts, draw);
    noise(length, draw).copy(bytes, at);
  }),
};

function changed(change: (bytes: Buffer, means: Means) => void): Mutate {
  return (file, means) => {
    const bytes = Buffer.from(file);
    change(bytes, means);
    return bytes;
  };
}

function pick<Item>(items: readonly Item[], draw: Draw): Item {
  return items[draw(items.length)]!;
}

function writeEdge(bytes: Buffer, { at, bytes: length }: Part, draw: Draw): void {
  const number = Buffer.alloc(8);
  number.writeBigUInt64LE(pick(edges, draw));
  number.copy(bytes, at, 0, length);
}

function swap(bytes: Buffer, one: Part, other: Part): void {
  const kept = Buffer.from(bytes.subarray(one.at, one.at + one.bytes));
  bytes.copy(bytes, one.at, other.at, other.at + other.bytes);
  kept.copy(bytes, other.at);
}

function noise(length: number, draw: Draw): Buffer {
  return Buffer.from(Array.from({ length }, () => draw(256)));
}

/** Walks through a well-formed header and notes what stands where. */
function layoutOf(file: Buffer): Layout {
  const [counts, types, lengths, values]: [Part[], Part[], Part[], Part[]] = [[], [], [], []];
  const [items, shapes, offsets, texts]: [Part[], Part[], Part[], Part[]] = [[], [], [], []];
  let at = 4;
  const step = (parts: Part[], bytes: number) => {
    parts.push({ at, bytes });
    at += bytes;
    return bytes >= 8 ? Number(file.readBigUInt64LE(at - 8)) : bytes === 4 ? file.readUInt32LE(at - 4) : 0;
  };
  const text = () => {
    const bytes = step(lengths, 8);
    if (bytes > 0) texts.push({ at, bytes });
    at += bytes;
  };
  const value = (type: number, parts: Part[]) => (type === textType ? text() : void step(parts, valueBytes[type] ?? 0));
  step(values, 4); // version
  const [tensors, keys] = [step(counts, 8), step(counts, 8)];
  for (let key = 0; key < keys; key++) {
    text();
    const type = step(types, 4);
    if (type !== arrayType) {
      value(type, values);
      continue;
    }
    const itemType = step(types, 4);
    for (let left = step(counts, 8); left > 0; left--) value(itemType, items);
  }
  for (let tensor = 0; tensor < tensors; tensor++) {
    text();
    for (let dimensions = step(counts, 4); dimensions > 0; dimensions--) step(shapes, 8);
    step(types, 4);
    step(offsets, 8);
  }
  return { counts, types, lengths, values, items, shapes, offsets, texts, end: at };
}
