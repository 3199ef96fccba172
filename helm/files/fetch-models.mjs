// Fetches the models that models.json lists into MODELS_DIRECTORY and checks each one's SHA-256; what was checked once is kept.
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

const folder = process.env.MODELS_DIRECTORY ?? "/models";
const token = process.env.MODELS_TOKEN;
const attempts = 5;
/** How long a host may send nothing, ms. */
const idleMs = 60_000;

/** A transform that hashes what passes. */
function hashing(hash, onBytes = () => {}) {
  return new Transform({
    transform(chunk, _encoding, done) {
      hash.update(chunk);
      onBytes(chunk.length);
      done(null, chunk);
    },
  });
}

/** The mark of a file that was checked, beside it: hashing many gigabytes at each start takes minutes. */
async function markOf(file, sha256) {
  return `${sha256} ${(await stat(file)).size}\n`;
}

/** Whether a file is there and is what it should be. */
async function isGood(file, sha256) {
  if (!existsSync(file)) return false;
  if ((await readFile(`${file}.sha256`, "utf8").catch(() => "")) === (await markOf(file, sha256))) return true;
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex") === sha256;
}

/** Fetches one file beside its place, and puts it there only when its hash is right. Throws where it is not. */
async function fetchOnce({ url, sha256 }, file) {
  // A name of its own: pods that share a volume may fetch the same file at once.
  const part = `${file}.${process.env.HOSTNAME ?? process.pid}.part`;
  const idle = new AbortController();
  const timer = setTimeout(() => idle.abort(new Error(`nothing came for ${idleMs / 1000} s`)), idleMs);
  try {
    const answer = await fetch(url, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` }, signal: idle.signal });
    if (!answer.ok || answer.body === null) throw new Error(`${new URL(url).host} answered ${answer.status}`);
    const hash = createHash("sha256");
    await pipeline(
      Readable.fromWeb(answer.body),
      hashing(hash, () => timer.refresh()),
      createWriteStream(part),
      { signal: idle.signal },
    );
    const got = hash.digest("hex");
    if (got !== sha256) throw Object.assign(new Error(`its SHA-256 is ${got}, and should be ${sha256}`), { isFinal: true });
    await rename(part, file);
  } finally {
    clearTimeout(timer);
    await rm(part, { force: true });
  }
}

/** Fetches one file, again where the network failed. */
async function fetchFile(model, file) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetchOnce(model, file);
    } catch (error) {
      const why = error.cause?.message ?? error.message;
      if (error.isFinal === true || attempt === attempts) throw new Error(`${basename(file)}: ${why}`, { cause: error });
      console.error(`${basename(file)}: ${why}; attempt ${attempt} of ${attempts}`);
      await new Promise((resolve) => setTimeout(resolve, 2 ** attempt * 500));
    }
  }
}

try {
  await mkdir(folder, { recursive: true });
  for (const model of JSON.parse(await readFile(new URL("models.json", import.meta.url), "utf8"))) {
    const file = join(folder, model.name ?? basename(new URL(model.url).pathname));
    if (await isGood(file, model.sha256)) console.log(`${basename(file)} is there`);
    else {
      await fetchFile(model, file);
      console.log(`${basename(file)} was fetched and checked`);
    }
    await writeFile(`${file}.sha256`, await markOf(file, model.sha256));
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
