import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../programs.ts";
import { lean, type Project } from "./lean.ts";

function project(): Project {
  const [manifest, lock] = ["package.json", "package-lock.json"].map(
    (file) => JSON.parse(readFileSync(join(root, file), "utf8")) as unknown,
  );
  return { manifest, lock } as Project;
}

const engines = (of: Project) => Object.keys(of.lock.packages).filter((path) => path.includes("@node-llama-cpp/"));

it.each([
  ["none", ["linux-x64"]],
  ["cuda", ["linux-x64", "linux-x64-cuda", "linux-x64-cuda-ext"]],
  ["vulkan", ["linux-x64", "linux-x64-vulkan"]],
])("keeps of the binaries those of GPU=%s alone, in the lock and in what asks for them", (gpu, names) => {
  const made = lean(project(), { gpu, arch: "x64" });
  const wanted = names.map((name) => `@node-llama-cpp/${name}`);
  expect(engines(made)).toEqual(wanted.map((name) => `node_modules/${name}`));
  expect(Object.keys(made.lock.packages["node_modules/node-llama-cpp"]?.optionalDependencies ?? {}).toSorted()).toEqual(wanted);
});

it("takes away tools, and nothing that the service asks for", () => {
  const [before, made] = [project(), lean(project(), { gpu: "none", arch: "arm64" })];
  expect(made.manifest).not.toHaveProperty("devDependencies");
  expect(made.lock.packages[""]).not.toHaveProperty("devDependencies");
  expect(made.manifest.dependencies).toEqual(before.manifest.dependencies);
  expect(Object.keys(made.lock.packages)).not.toContain("node_modules/cmake-js");
  expect(engines(made)).toEqual(["node_modules/@node-llama-cpp/linux-arm64"]);
});

it("refuses a GPU that there is none of", () => {
  expect(() => lean(project(), { gpu: "rocm", arch: "x64" })).toThrow("GPU=rocm: must be one of none, cuda, vulkan, all");
});
