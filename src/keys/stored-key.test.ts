import { chmodSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { systemClock } from "../core/clock.ts";
import { madeKey, temporaryKeys, writeKeys } from "../testing/key-file.ts";
import { recordingLog } from "../testing/recording-log.ts";
import type { KeyStore } from "./key-store.ts";
import { openKeys, type KeyRing, type KeySources } from "./ring.ts";

const open = (store: KeyStore, more: Partial<KeySources> = {}): Promise<KeyRing> =>
  openKeys({ ...store, isFileRequired: false, given: [], ...more }, { clock: systemClock, log: recordingLog().log });
const one = { id: "one", key: "the-key-of-one" };

describe("a file of keys", () => {
  it.each([
    ["nonsense", "it is no JSON of the form"],
    ['{"keys":{}}', "keys: must be a list"],
    ['{"keys":[],"key":1}', '"key": there is no such field'],
    ['{"keys":[{"id":"a"}]}', "keys[0]: needs either a hash or a key"],
    ['{"keys":[{"key":"s3cret-key"}]}', "keys[0].id: is required"],
    ['{"keys":[{"id":"a","key":"s3cret-key","rateLimit":5}]}', "keys[0].rateLimit: there is no such field"],
    ['{"keys":[{"id":"a","key":"s3cret-key","__proto__":{"x":1}}]}', "keys[0].__proto__: there is no such field"],
    [
      '{"keys":[{"id":"a","key":"s3cret-key","limits":{"requestsPerMinute":5}}]}',
      "keys[0].limits.requestsPerMinute: there is no such limit",
    ],
    ['{"keys":[{"id":"a","key":"s3cret-key","limits":{"concurrency":0}}]}', "keys[0].limits.concurrency: must be"],
    ['{"keys":[{"id":"a","key":"s3cret-key","scopes":["chta"]}]}', "keys[0].scopes: must list scopes that there are"],
    ['{"keys":[{"id":"a","key":"s3cret-key","scopes":["parley.v1.ChatServise"]}]}', "keys[0].scopes: must list scopes that there are"],
    [
      '{"keys":[{"id":"a","key":"s3cret-key","scopes":["parley.v1.ModelService/LoadModel"]}]}',
      "keys[0].scopes: must list scopes that there are",
    ],
    ['{"keys":[{"id":"a","key":"s3cret-key","scopes":[]}]}', "keys[0].scopes: must list"],
    ['{"keys":[{"id":"a","key":"s3cret-key","scopes":["admin"],"models":["m"]}]}', "keys[0].models: the scope admin is over all models"],
    ['{"keys":[{"id":"a","key":"s3cret-key","expires":"soon"}]}', "keys[0].expires: must be an instant"],
    ['{"keys":[{"id":"a","key":"s3c"}]}', "keys[0].key: must be 8 to 512"],
    ['{"keys":[{"id":"a","hash":"s3cret-key"}]}', "keys[0].hash: must be 64"],
    ['{"keys":[{"id":"a","key":"s3cret-key"},{"id":"a","key":"s3cret-kez"}]}', "two keys have the id a"],
    ['{"keys":[{"id":"a","key":"s3cret-key"},{"id":"b","key":"s3cret-key"}]}', "the key of b is that of a as well"],
    ['{"keys":[{"id":"a","key":"s3cret-key","parent":"b"}]}', "the parent of a is not there"],
    ['{"keys":[{"id":"a","key":"s3cret-key","parent":"b"},{"id":"b","key":"s3cret-kez","parent":"a"}]}', "a is among its own parents"],
    [`{"keys":[{"id":"a","hash":"${"0".repeat(64)}"}]}`, "the pepper that they were made with"],
  ])("is refused whole, by its place and without its keys: %s", async (content, problem) => {
    const store = await temporaryKeys();
    writeKeys(store, []);
    writeFileSync(store.file, content);
    const error = await open(store).then(
      () => new Error("it was taken"),
      (thrown: Error) => thrown,
    );
    expect(error.message).toContain(`${store.file}: `);
    expect(error.message).toContain(problem);
    expect(error.message).not.toMatch(/s3cret/);
  });

  it("takes names of services, RPCs and routes among the scopes, foreign ones too", async () => {
    const store = await temporaryKeys();
    const scopes = ["parley.v1.ChatService", "parley.v1.ChatService/Stream", "POST /v1/embeddings", "acme.v1.Own", "acme.v1.Own/Do"];
    writeKeys(store, [{ ...one, scopes }]);
    const ring = await open(store);
    expect(ring.find("the-key-of-one", true)).toMatchObject({ scopes });
    ring.close();
  });

  it("that others may read the pepper of is refused", async () => {
    const store = await temporaryKeys();
    await madeKey(store);
    chmodSync(store.pepperFile, 0o640);
    await expect(open(store)).rejects.toThrow(`${store.pepperFile}: others may read it`);
  });

  it("must be there where it was named, and locks nothing where it is not", async () => {
    const store = await temporaryKeys();
    await expect(open(store, { isFileRequired: true })).rejects.toThrow("there is no such file of keys");
    const ring = await open(store);
    expect(ring.isLocked).toBe(false);
    ring.close();
    writeKeys(store, []);
    const empty = await open(store);
    expect(empty.isLocked).toBe(true);
    empty.close();
  });
});
