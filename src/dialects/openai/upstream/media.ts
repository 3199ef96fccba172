import { MediaDetail, type Media } from "../../../../gen/parley/v1/messages_pb.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import { inlineMedia } from "../../media.ts";
import type { WirePart } from "./wire.ts";

const details: Readonly<Partial<Record<MediaDetail, "auto" | "low" | "high" | "original">>> = {
  [MediaDetail.AUTO]: "auto",
  [MediaDetail.LOW]: "low",
  [MediaDetail.HIGH]: "high",
  [MediaDetail.ORIGINAL]: "original",
};

/** An image as the format takes it: a data: URL. `at` names it in errors. */
export function imagePart(media: Media, at: string): WirePart {
  const detail = details[media.detail];
  return { type: "image_url", image_url: { url: imageUrl(media, at), ...(detail !== undefined && { detail }) } };
}

function imageUrl(media: Media, at: string): string {
  const { source } = media;
  if (source.case === "url") return dataUrl(source.value, at);
  const inline = inlineMedia(media, at);
  if (inline === undefined) throw unsupportedField(`${at}.file_id`, "images are sent as bytes");
  if (inline.mimeType === "") throw invalidField(`${at}.mime_type`, "is required: the bytes do not tell it");
  return `data:${inline.mimeType};base64,${inline.base64}`;
}

/** No upstream is told to fetch, or to read a file of its machine, on a client's word: what an operator lets be fetched comes here as bytes. */
function dataUrl(url: string, at: string): string {
  if (url.startsWith("data:")) return url;
  throw invalidField(`${at}.url`, "is no data: URL");
}

const formats: Readonly<Record<string, "wav" | "mp3">> = {
  "audio/wav": "wav",
  "audio/x-wav": "wav",
  "audio/wave": "wav",
  "audio/mpeg": "mp3",
  "audio/mp3": "mp3",
};

/** Sound as the format takes it: bytes with the name of their format. */
export function audioPart(media: Media, at: string): WirePart {
  const inline = inlineMedia(media, at);
  if (inline === undefined) throw unsupportedField(`${at}.${media.source.case === "url" ? "url" : "file_id"}`, "sound is sent as bytes");
  const format = Object.hasOwn(formats, inline.mimeType) ? formats[inline.mimeType] : undefined;
  if (format === undefined) throw unsupportedField(`${at}.mime_type`, "sound is audio/wav or audio/mpeg here");
  return { type: "input_audio", input_audio: { data: inline.base64, format } };
}

/** A document as the format takes it: by the id that the upstream gave it, or as a data: URL. */
export function filePart(media: Media, at: string): WirePart {
  const { source, fileName } = media;
  const filename = fileName === "" ? {} : { filename: fileName };
  if (source.case === "fileId") return { type: "file", file: { file_id: source.value, ...filename } };
  if (source.case === "url") return { type: "file", file: { file_data: dataUrl(source.value, at), ...filename } };
  const { mimeType = "", base64 = "" } = inlineMedia(media, at) ?? {};
  const type = mimeType === "" ? "application/octet-stream" : mimeType;
  return { type: "file", file: { file_data: `data:${type};base64,${base64}`, ...filename } };
}
