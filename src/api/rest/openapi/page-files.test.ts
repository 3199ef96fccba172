import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../../testing/temporary-folder.ts";
import { pageFiles } from "./page-files.ts";

it("a file of the page that could not be read is read again, and one that was read is kept", async () => {
  const directory = await temporaryFolder();
  const pageFile = pageFiles(directory);
  await expect(pageFile("page.css")).rejects.toThrow("ENOENT");
  await writeFile(join(directory, "page.css"), "body {}");
  const file = await pageFile("page.css");
  expect(file).toEqual({ type: "text/css; charset=utf-8", body: "body {}" });
  await rm(join(directory, "page.css"));
  expect(await pageFile("page.css")).toBe(file);
  expect(await pageFile("tsconfig.json")).toBeUndefined();
});
