import { describe, expect, it } from "vitest";
import { isMediaHost, mediaUrlProblem } from "./media-url.ts";

describe("an allow-list of hosts", () => {
  it.each(["images.example", "*.cdn.example", "*.cdn.example:8443", "A.EXAMPLE", "xn--bcher-kva.example", "host:1"])("takes %s", (entry) =>
    expect(isMediaHost(entry)).toBe(true),
  );
  it.each([
    "",
    "*",
    "*.",
    "https://a.example",
    "a.example/x",
    "127.0.0.1",
    "[::1]",
    "::1",
    "1",
    "0x7f.1",
    "a.example:0",
    "a.example:70000",
    "a..b",
    ".a",
    "-a.b",
    "a.*.b",
    "bücher.example",
    "a.example.",
  ])("refuses %j", (entry) => expect(isMediaHost(entry)).toBe(false));
});

describe("the URL of a medium", () => {
  const hosts = ["images.example", "*.cdn.example:8443", "Upper.example"];
  it.each([
    "data:,x",
    "data:text/plain;charset=utf-8,h%C3%A4",
    "data:image/png;base64,iVBORw0KGgo=",
    "data:image/png;base64,_-8",
    "data:;base64,",
    "https://images.example/a?b=c",
    "https://IMAGES.example:443/a",
    "https://a.b.cdn.example:8443/%2e%2e?q",
    "https://upper.example",
  ])("may be %s", (url) => expect(mediaUrlProblem(url, hosts)).toBeUndefined());
  it.each([
    ["data:", "no comma"],
    ["data:http://images.example/x.png", "no comma"],
    ["data:image/png;base64", "no comma"],
    ["data:image/png;base64,http://images.example/x.png", "not base64"],
    ["data:image/png;charset=x;BASE64,https://images.example/x.png", "not base64"],
    ["data:image/png;base64,iVBORw0KGgo=\n", "not base64"],
    ["data:image/png;base64,iVBO Rw0KGgo=", "not base64"],
    ["data:image/png;base64,iVBORw0KGgo===", "not base64"],
  ])("that holds its own bytes holds nothing else: %j", (url, words) => expect(mediaUrlProblem(url, [])).toContain(words));
  it.each([
    "https://cdn.example:8443/x",
    "https://a.cdn.example/x",
    "https://images.example.evil/",
    "https://evilimages.example/",
    "https://images.example:8443/",
  ])("may not name another host or port: %s", (url) => expect(mediaUrlProblem(url, hosts)).toContain("may not be fetched"));
  it("is data: alone where the list is empty", () => {
    expect(mediaUrlProblem("data:,x", [])).toBeUndefined();
    expect(mediaUrlProblem("https://images.example/a", [])).toContain("data:");
  });
  it("is not read beyond a length", () => expect(mediaUrlProblem(`https://images.example/${"x".repeat(9000)}`, hosts)).toContain("8192"));
});
