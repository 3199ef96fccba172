import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { zipBytes } from "../testing/zip-bytes.ts";
import { SourceFailure } from "./source.ts";
import { openZipMember, type ZipMember } from "./zip-member.ts";

const words = Buffer.from("words and words ".repeat(1000));

async function read(path: string, name: string): Promise<Buffer> {
  const member = await openZipMember(path, name);
  try {
    return Buffer.concat(await Array.fromAsync(member.bytes));
  } finally {
    await member.close();
  }
}

async function archive(bytes: Buffer): Promise<string> {
  const path = join(await temporaryFolder(), "a.zip");
  await writeFile(path, bytes);
  return path;
}

describe("a member of a zip archive", () => {
  it.each([
    ["deflated", {}],
    ["stored", { isStored: true }],
    ["with zip64 sizes", { isZip64: true }],
    ["stored with zip64 sizes", { isStored: true, isZip64: true }],
  ])("is read %s", async (_, how) => {
    const path = await archive(
      zipBytes([
        { name: "other", bytes: Buffer.from("other") },
        { name: "a/b.gguf", bytes: words, ...how },
      ]),
    );
    expect((await read(path, "a/b.gguf")).equals(words)).toBe(true);
    expect((await read(path, "other")).toString()).toBe("other");
  });

  it("is read from what Python's zipfile writes, the whole archive in zip64 too", async () => {
    const path = join(await temporaryFolder(), "python.zip");
    const program = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
    with archive.open("big", "w", force_zip64=True) as member:
        member.write(b"words and words " * 1000)
    archive.comment = b"PK" * 100
`;
    execFileSync("python3", ["-c", program, path]);
    expect((await read(path, "big")).equals(words)).toBe(true);
  });

  it("that is not there is named", async () => {
    const path = await archive(zipBytes([{ name: "a", bytes: words }]));
    await expect(openZipMember(path, "b")).rejects.toThrow("has no b inside");
  });

  it("fails as a source whatever bytes of the archive are changed, and never grows beyond its size", async () => {
    const whole = zipBytes([{ name: "a", bytes: words }]);
    const folder = await temporaryFolder();
    const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: whole.length }),
        async (changes, length) => {
          const bytes = Buffer.from(whole.subarray(0, length));
          for (const { at, byte } of changes) if (at < length) bytes[at] = byte;
          const path = join(folder, "mutated.zip");
          await writeFile(path, bytes);
          const member = await openZipMember(path, "a").catch((error: unknown) => error);
          if (member instanceof SourceFailure) return;
          const opened = member as ZipMember;
          const chunks = await Array.fromAsync(opened.bytes).catch((error: unknown) => error);
          await opened.close();
          if (Array.isArray(chunks)) expect(Buffer.concat(chunks).length).toBeLessThanOrEqual(opened.sizeBytes);
          else expect(chunks).toBeInstanceOf(Error);
        },
      ),
      { numRuns: 200 },
    );
  });
});
