import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../config.ts";
import { sharedFolder } from "../testing/temporary-folder.ts";

const folder = sharedFolder();

function load(text: string) {
  const file = join(folder, "parley.yaml");
  writeFileSync(file, text);
  return loadConfig({ file, environment: {} });
}

describe("the base URL of an upstream", () => {
  it.each([
    ["its kind's usual place", "upstreams: [{name: x, kind: llama-server}]"],
    ["another name of this machine", 'upstreams: [{name: x, kind: lan, base_url: "http://[::1]:8080"}]'],
    ["every address", 'http: {host: 0.0.0.0, port: 9000}\nupstreams: [{name: x, kind: parley, base_url: "localhost:9000"}]'],
    ["an address of its own", 'http: {host: 10.0.0.7}\nupstreams: [{name: x, kind: vllm, base_url: "http://10.0.0.7:8080/v1"}]'],
  ])("that is the service itself is refused: %s", (_name, text) => {
    expect(() => load(text)).toThrow(/upstreams\[0\]\.baseUrl: .* is where this service itself answers/);
  });

  it("may share the service's host, or its port", () => {
    expect(() => load('upstreams: [{name: x, kind: llama-server, base_url: "http://localhost:8081"}]')).not.toThrow();
    expect(() =>
      load('upstreams: [{name: x, kind: parley, base_url: "10.0.0.8:8080"}, {name: y, kind: parley, base_url: "[::1]:50051"}]'),
    ).not.toThrow();
    expect(() => load("http: {port: 0}\nupstreams: [{name: x, kind: llama-server}]")).not.toThrow();
  });
});
