import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { expect, it } from "vitest";
import { describeWithRealModel, realModel } from "./real-model.ts";

await describeWithRealModel("the real model of the tests", (path) => {
  it("is the catalog's default, byte for byte", async () => {
    const hash = createHash("sha256");
    await pipeline(createReadStream(path), hash);
    expect(hash.digest("hex")).toBe("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53");
  });

  it("is looked for once", async () => {
    expect(await realModel()).toBe(path);
  });
});
