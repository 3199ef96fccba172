import type { MessageInitShape } from "@bufbuild/protobuf";
import { MediaDetail, type PartSchema } from "../../../../gen/parley/v1/messages_pb.ts";
import { invalidField, unsupportedField } from "../../../core/reasons.ts";
import { bytesAt, listAt, objectAt, oneOf, readAt, required, textAt, type Json } from "../read.ts";

/** A part of one of our messages, as it is made. */
export type PartInit = MessageInitShape<typeof PartSchema>;

/** Parts of a message, and where in the body each came from. */
export interface PlacedParts {
  readonly parts: readonly PartInit[];
  readonly places: readonly string[];
}

const detailOf = oneOf({
  auto: MediaDetail.AUTO,
  low: MediaDetail.LOW,
  high: MediaDetail.HIGH,
  original: MediaDetail.ORIGINAL,
});

const audioTypes = oneOf({ wav: "audio/wav", mp3: "audio/mpeg", flac: "audio/flac", ogg: "audio/ogg", opus: "audio/ogg" });

/** Reads what a message or a function's output holds: a text, or a list of parts. */
export function contentAt(value: unknown, path: string): PlacedParts {
  if (typeof value === "string") return { parts: [textPart(textAt(value, path))], places: [path] };
  const list = listAt(value, path);
  const places = list.map((_, index) => `${path}[${index}]`);
  return { parts: list.map((part, index) => partAt(part, places[index] ?? path)), places };
}

function partAt(value: unknown, path: string): PartInit {
  const part = objectAt(value, path);
  const at = `${path}.`;
  const type = textAt(required(part, "type", at), `${at}type`);
  switch (type) {
    case "input_text":
    case "output_text":
    case "text":
      return textPart(textAt(required(part, "text", at), `${at}text`));
    case "refusal":
      return { part: { case: "refusal", value: { text: textAt(required(part, "refusal", at), `${at}refusal`) } } };
    case "input_image":
      return imagePart(part, at);
    case "input_file":
      return filePart(part, at);
    case "input_audio":
      return audioPart(objectAt(required(part, "input_audio", at), `${at}input_audio`), `${at}input_audio.`);
    default:
      throw unsupportedField(
        `${at}type`,
        `${JSON.stringify(type.slice(0, 64))} is none of input_text, input_image, input_file, input_audio, output_text, refusal`,
      );
  }
}

function textPart(text: string): PartInit {
  return { part: { case: "text", value: { text } } };
}

function imagePart(image: Json, at: string): PartInit {
  const detail = readAt(image, { at, name: "detail" }, detailOf) ?? MediaDetail.UNSPECIFIED;
  const id = readAt(image, { at, name: "file_id" }, textAt);
  if (id !== undefined) return { part: { case: "image", value: { source: { case: "fileId", value: id }, detail } } };
  const url = textAt(required(image, "image_url", at), `${at}image_url`);
  return { part: { case: "image", value: { source: { case: "url", value: url }, detail } } };
}

function filePart(file: Json, at: string): PartInit {
  const fileName = readAt(file, { at, name: "filename" }, textAt) ?? "";
  const source = fileSource(file, at);
  return { part: { case: "file", value: { source, fileName } } };
}

function fileSource(file: Json, at: string) {
  const id = readAt(file, { at, name: "file_id" }, textAt);
  if (id !== undefined) return { case: "fileId" as const, value: id };
  const url = readAt(file, { at, name: "file_url" }, textAt);
  if (url !== undefined) return { case: "url" as const, value: url };
  const data = readAt(file, { at, name: "file_data" }, textAt);
  if (data === undefined) throw invalidField(`${at}file_data`, "is required, or file_id, or file_url");
  if (data.startsWith("data:")) return { case: "url" as const, value: data };
  return { case: "data" as const, value: bytesAt(data, `${at}file_data`) };
}

function audioPart(audio: Json, at: string): PartInit {
  const data = bytesAt(required(audio, "data", at), `${at}data`);
  const mimeType = audioTypes(required(audio, "format", at), `${at}format`);
  return { part: { case: "audio", value: { source: { case: "data", value: data }, mimeType } } };
}
