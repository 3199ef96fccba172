import { createHmac, randomBytes } from "node:crypto";
import { readFileSync, renameSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../core/clock.ts";
import { Secret } from "../core/secret.ts";
import { keysIn, temporaryKeys, writeKeys, madeKey } from "../testing/key-file.ts";
import { recordingLog, type LogLine } from "../testing/recording-log.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { digestWith } from "./digest.ts";
import { keyTableText } from "../commands/keys-text.ts";
import { createKey, listKeys, revokeKey, type KeyStore } from "./key-store.ts";
import { isBrokenKey, newKey } from "./key-text.ts";
import { openKeys, type KeyRing, type KeySources } from "./ring.ts";
import type { StoredKey } from "./stored-key.ts";

const hour = 3_600_000;

interface Opened {
  readonly ring: KeyRing;
  readonly lines: readonly LogLine[];
}

async function open(store: KeyStore, more: Partial<KeySources> & { readonly nowMs?: () => number } = {}): Promise<Opened> {
  const { log, lines } = recordingLog();
  const clock = { ...systemClock, now: more.nowMs ?? (() => systemClock.now()) };
  return { ring: await openKeys({ ...store, isFileRequired: false, given: [], ...more }, { clock, log }), lines };
}

const one: StoredKey = { id: "one", key: "the-key-of-one" };

describe("a key's text", () => {
  it("is 256 random bits with a prefix and a checksum, and never twice the same", () => {
    const keys = Array.from({ length: 200 }, newKey);
    for (const key of keys) expect(key).toMatch(/^pk_[0-9A-Za-z]{49}$/);
    expect(new Set(keys).size).toBe(200);
    expect(keys.filter(isBrokenKey)).toEqual([]);
  });

  it("shows that it was cut or mistyped, in any place", () => {
    const key = newKey();
    const wrong = Array.from({ length: key.length - 3 }, (_, at) => {
      const digit = key[at + 3] === "a" ? "b" : "a";
      return `${key.slice(0, at + 3)}${digit}${key.slice(at + 4)}`;
    });
    expect([...wrong, key.slice(0, -1), `${key}0`, "pk_"].filter((text) => !isBrokenKey(text))).toEqual([]);
    expect(isBrokenKey("sk-somebody-elses")).toBe(false);
  });

  it("is digested by HMAC-SHA-256", () => {
    for (const length of [1, 55, 64, 512]) {
      const [pepper, key] = [randomBytes(32), "k".repeat(length)];
      expect(digestWith(pepper)(key)).toEqual(createHmac("sha256", pepper).update(key).digest());
    }
  });
});

describe("a key that is made", () => {
  it("is kept as a hash alone, in files that their owner alone may read", async () => {
    const store = await temporaryKeys();
    const key = await madeKey(store, { tenant: "team-a", scopes: ["chat"] });
    const text = readFileSync(store.file, "utf8");
    expect(text).not.toContain(key);
    expect(text).not.toContain(key.slice(3, 20));
    expect([store.file, store.pepperFile].map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o600]);
    const { ring } = await open(store);
    expect(ring.find(key, true)).toMatchObject({ tenant: "team-a", scopes: ["chat"], models: undefined, isLoopback: true });
    expect(ring.find(key, false)).toMatchObject({ isLoopback: false });
    expect(ring.find(key.slice(0, -1), true)).toBe("malformed");
    expect(ring.find(newKey(), true)).toBe("unknown");
    ring.close();
  });

  it("is not lost when several are made at once", async () => {
    const store = await temporaryKeys();
    const keys = await Promise.all(Array.from({ length: 5 }, () => madeKey(store)));
    const { ring } = await open(store);
    expect(keys.map((key) => typeof ring.find(key, true))).toEqual(Array(5).fill("object"));
    ring.close();
  });

  it("is nobody's from the instant at which it ends", async () => {
    const store = await temporaryKeys();
    const now = systemClock.now();
    const key = await madeKey(store, { expires: new Date(now + hour).toISOString() });
    let nowMs = now;
    const { ring } = await open(store, { nowMs: () => nowMs });
    expect(ring.find(key, true)).toMatchObject({ tenant: "default" });
    nowMs = now + hour;
    expect(ring.find(key, true)).toBe("expired");
    ring.close();
  });

  it.each([
    ["tenant", { tenant: "b", scopes: ["chat"], models: ["m"] }],
    ["scopes", { tenant: "a", scopes: ["chat", "models"], models: ["m"] }],
    ["scopes", { tenant: "a", models: ["m"] }],
    ["models", { tenant: "a", scopes: ["chat"] }],
    ["models", { tenant: "a", scopes: ["chat"], models: ["m", "n"] }],
    ["limits.concurrency", { tenant: "a", scopes: ["chat"], models: ["m"] }],
    ["limits.maxTokens", { tenant: "a", scopes: ["chat"], models: ["m"], limits: { concurrency: 1, maxTokens: 11 } }],
    ["expires", { tenant: "a", scopes: ["chat"], models: ["m"], limits: { concurrency: 1, maxTokens: 10 } }],
  ])("grants no more than the one it is made under: %s", async (what, wish) => {
    const store = await temporaryKeys();
    const expires = new Date(systemClock.now() + hour).toISOString();
    const top = { tenant: "a", scopes: ["chat"], models: ["m"], limits: { concurrency: 2, maxTokens: 10 }, expires };
    const { stored } = await createKey(store, top, systemClock.now());
    const full = what === "expires" || what.startsWith("limits") ? wish : { limits: { concurrency: 1, maxTokens: 1 }, expires, ...wish };
    await expect(createKey(store, { ...full, parent: stored.id }, systemClock.now())).rejects.toThrow(
      `goes beyond its parent ${stored.id} in ${what}`,
    );
    expect(await listKeys(store)).toHaveLength(1);
    await createKey(store, { ...top, limits: { concurrency: 1, maxTokens: 10 }, parent: stored.id }, systemClock.now());
  });

  it("is taken back with the one it was made under", async () => {
    const store = await temporaryKeys();
    const parent = await createKey(store, {}, systemClock.now());
    const child = await createKey(store, { parent: parent.stored.id, scopes: ["chat"] }, systemClock.now());
    await revokeKey(store, parent.stored.id, systemClock.now());
    const { ring } = await open(store);
    expect([parent, child].map(({ key }) => ring.find(key, true))).toEqual(["revoked", "revoked"]);
    await expect(createKey(store, { parent: child.stored.id, scopes: ["chat"] }, systemClock.now())).rejects.toThrow(
      `${parent.stored.id} was revoked`,
    );
    expect(keyTableText(await listKeys(store), systemClock.now()).match(/ revoked /g)).toHaveLength(2);
    await expect(revokeKey(store, "key_none", 0)).rejects.toThrow('there is no key "key_none"');
    ring.close();
  });
});

describe("a ring of keys", () => {
  it("follows its file: keys come, go and are taken back while it is open", async () => {
    const store = keysIn(await temporaryFolder());
    writeKeys(store, [one]);
    const { ring } = await open(store);
    const key = await madeKey(store);
    await expect.poll(() => ring.find(key, true)).toMatchObject({ tenant: "default" });
    const [, made] = await listKeys(store);
    await revokeKey(store, made?.id ?? "", systemClock.now());
    await expect.poll(() => ring.find(key, true)).toBe("revoked");
    expect(ring.find("the-key-of-one", true)).toMatchObject({ keyId: "one" });
    ring.close();
  });

  it("follows a file behind links that are swapped, as those of a Kubernetes secret are", async () => {
    const folder = await temporaryFolder();
    const mounted = { ...keysIn(folder), file: join(folder, "keys.json") };
    for (const [version, key] of [
      ["v1", "first-mounted-key"],
      ["v2", "second-mounted-key"],
    ] as const)
      writeKeys({ file: join(folder, version, "keys.json") }, [{ id: "mounted", key }]);
    symlinkSync("v1", join(folder, "..data"));
    symlinkSync(join("..data", "keys.json"), mounted.file);
    const { ring } = await open(mounted);
    expect(ring.find("first-mounted-key", true)).toMatchObject({ keyId: "mounted" });
    symlinkSync("v2", join(folder, "..data_tmp"));
    renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
    await expect.poll(() => ring.find("second-mounted-key", true)).toMatchObject({ keyId: "mounted" });
    expect(ring.find("first-mounted-key", true)).toBe("unknown");
    ring.close();
  });

  it("locks when the first key is made", async () => {
    const store = await temporaryKeys();
    const { ring } = await open(store);
    expect(ring.isLocked).toBe(false);
    await madeKey(store);
    await ring.reload();
    expect(ring.isLocked).toBe(true);
    ring.close();
  });

  it("keeps what it knew when its file is bad or gone, and says so once", async () => {
    const store = await temporaryKeys();
    writeKeys(store, [one]);
    const { ring, lines } = await open(store);
    const problems = () => lines.filter(({ level }) => level === "error").map(({ facts }) => facts["problem"]);
    writeFileSync(store.file, '{"keys":[{"key":"s3cret-key"}]}');
    await ring.reload();
    await ring.reload();
    expect(problems()).toEqual([expect.stringContaining("keys[0].id: is required")]);
    unlinkSync(store.file);
    await ring.reload();
    await ring.reload();
    expect(problems().slice(1)).toEqual([expect.stringContaining("it is gone")]);
    expect([ring.isLocked, ring.find("the-key-of-one", true)]).toEqual([true, expect.objectContaining({ keyId: "one" })]);
    writeKeys(store, [{ id: "two", key: "the-key-of-two" }]);
    await ring.reload();
    expect([ring.find("the-key-of-one", true), ring.find("the-key-of-two", true)]).toEqual([
      "unknown",
      expect.objectContaining({ keyId: "two" }),
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/s3cret|the-key-of/);
    ring.close();
  });

  it("knows the keys of the environment, each by its place and tenant", async () => {
    const given = [
      { tenant: "default", key: new Secret("first-given-key") },
      { tenant: "team-a", key: new Secret("second-given-key") },
    ];
    const { ring } = await open(await temporaryKeys(), { given });
    expect(ring.isLocked).toBe(true);
    expect(ring.find("second-given-key", true)).toMatchObject({ keyId: "environment-2", tenant: "team-a", scopes: ["all"] });
    ring.close();
  });

  it("is asked what no key can be, and answers", async () => {
    const store = await temporaryKeys();
    writeKeys(store, [one]);
    const { ring } = await open(store);
    const texts = ["", " ", "x".repeat(100_000), "the-key-of-one ", "the-key-of-on", "\u0000", "é".repeat(100), "__proto__"];
    expect(texts.map((text) => ring.find(text, true))).toEqual(texts.map(() => "unknown"));
    ring.close();
  });
});
