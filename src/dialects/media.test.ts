import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { MediaSchema } from "../../gen/parley/v1/messages_pb.ts";
import { fieldOf } from "../core/reasons.ts";
import { thrownBy } from "../testing/thrown-by.ts";
import { inlineMedia } from "./media.ts";

const inline = (media: MessageInitShape<typeof MediaSchema>) => inlineMedia(create(MediaSchema, media), "image");
const data = (bytes: readonly number[]) => ({ source: { case: "data" as const, value: Uint8Array.from(bytes) } });
const url = (value: string) => ({ source: { case: "url" as const, value } });

describe("a medium that came with the request", () => {
  it.each([
    ["image/png", [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
    ["image/jpeg", [0xff, 0xd8, 0xff, 0xe0]],
    ["image/gif", [...Buffer.from("GIF89a")]],
    ["image/webp", [...Buffer.from("RIFF....WEBP")]],
    ["application/pdf", [...Buffer.from("%PDF-1.7")]],
    ["", [1, 2, 3]],
  ])("is known as %s by its first bytes", (mimeType, bytes) => {
    expect(inline(data(bytes))).toEqual({ mimeType, base64: Buffer.from(bytes).toString("base64") });
  });

  it("has the type that was said", () => {
    expect(inline({ ...data([1]), mimeType: "Image/PNG" })).toMatchObject({ mimeType: "image/png" });
    expect(inline(url("data:image/png;base64,AQ=="))).toEqual({ mimeType: "image/png", base64: "AQ==" });
    expect(inline(url("data:text/plain;charset=utf-8,h%C3%A4"))).toEqual({
      mimeType: "text/plain",
      base64: Buffer.from("hä").toString("base64"),
    });
  });

  it("is refused where its URL is broken, and is none where it stands elsewhere", () => {
    for (const broken of ["data:image/png;base64", "data:text/plain,%zz"])
      expect(fieldOf(thrownBy(() => inline(url(broken))))).toBe("image.url");
    expect(inline(url("https://a.example/x.png"))).toBeUndefined();
    expect(inline({ source: { case: "fileId", value: "f" } })).toBeUndefined();
  });
});
