import { expect, it } from "vitest";
import { loadConfig } from "../config.ts";

it("takes hosts that media may be fetched from, by their names alone", () => {
  expect(loadConfig({ environment: { LLM_MEDIA_ALLOW: "images.example, *.cdn.example:8443" } }).settings.mediaHosts).toEqual([
    "images.example",
    "*.cdn.example:8443",
  ]);
  for (const entry of ["*", "127.0.0.1", "https://images.example", "[::1]"])
    expect(() => loadConfig({ environment: { LLM_MEDIA_ALLOW: entry } })).toThrow("LLM_MEDIA_ALLOW");
});
