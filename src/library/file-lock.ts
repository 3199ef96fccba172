import { randomUUID } from "node:crypto";
import { link, open, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { fault } from "../core/reasons.ts";

/** A file that only one process at a time has. */
export interface FileLock {
  /** Aborted when another process has taken the lock, as it may after this one has stood still for long. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly token: string;
}

/** The holder touches its lock this often. */
const touchMs = 3000;
/** A lock that was not touched for so long is left over: a process id means nothing on another host, or after a restart of a container. */
const staleMs = 20_000;

/** Takes the lock; undefined while another has it. A lock whose holder is dead is taken over. */
export async function tryLock(path: string): Promise<FileLock | undefined> {
  const holder: Holder = { pid: process.pid, host: hostname(), token: randomUUID() };
  if (!(await createLock(path, holder))) {
    const left = await readLeftOver(path);
    if (left === undefined || !(await removeLeftOver(path, left)) || !(await createLock(path, holder))) return undefined;
  }
  const controller = new AbortController();
  const timer = setInterval(() => void touch(path, holder, controller), touchMs);
  timer.unref();
  return {
    lost: controller.signal,
    async release() {
      clearInterval(timer);
      if ((await readHolder(path))?.token === holder.token) await rm(path, { force: true });
    },
  };
}

/** Writes the whole lock or nothing: another process never sees an empty one. */
async function createLock(path: string, holder: Holder): Promise<boolean> {
  const own = besidePath(path, holder.token);
  const handle = await open(own, "wx");
  try {
    await handle.writeFile(JSON.stringify(holder));
    await link(own, path);
    return true;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (linkless.has(code)) return await createInPlace(path, holder);
    throw error;
  } finally {
    await handle.close();
    await rm(own, { force: true });
  }
}

/** What disks without hard links answer. */
const linkless = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

/** The next best thing: another process may see the lock before its holder stands in it, and then takes it for held. */
async function createInPlace(path: string, holder: Holder): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(holder), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Keeps the ending, so that what a killed process leaves of it is as easily told as a lock. */
function besidePath(path: string, token: string): string {
  return path.replace(/(\.lock)?$/, `.${token}$1`);
}

/** The text of a lock whose holder is gone; undefined when it is held, or has just been released. */
async function readLeftOver(path: string): Promise<string | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, "utf8"), stat(path)]);
    const holder = parseHolder(text);
    const isGone = holder !== undefined && holder.host === hostname() && !isAlive(holder.pid);
    return isGone || Date.now() - mtimeMs > staleMs ? text : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Renames before it deletes: of two processes that find the same left-over lock only one gets it, and one that got another's fresh lock puts it back. */
async function removeLeftOver(path: string, text: string): Promise<boolean> {
  const aside = besidePath(path, randomUUID());
  try {
    await rename(path, aside);
    const isSame = (await readFile(aside, "utf8")) === text;
    if (!isSame) await link(aside, path).catch(() => {});
    return isSame;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function touch(path: string, holder: Holder, lost: AbortController): Promise<void> {
  const now = new Date();
  const isOwn = (await readHolder(path))?.token === holder.token;
  if (isOwn) await utimes(path, now, now).catch(() => {});
  else lost.abort(fault("pull_failed", "another process has taken this pull over, for this one stood still too long"));
}

async function readHolder(path: string): Promise<Holder | undefined> {
  return parseHolder(await readFile(path, "utf8").catch(() => ""));
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, host, token } = JSON.parse(text) as Partial<Holder>;
    return typeof pid === "number" && typeof host === "string" && typeof token === "string" ? { pid, host, token } : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
