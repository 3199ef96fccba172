import { Type, type Static } from "typebox";
import { AnyObject, sayable } from "./shapes.ts";

const TextPart = Type.Object({ type: Type.Enum(["text", "input_text", "output_text"]), text: Type.String() });
const RefusalPart = Type.Object({ type: Type.Literal("refusal"), refusal: Type.String() });
const ImagePart = Type.Object({
  type: Type.Literal("image_url"),
  image_url: Type.Union([
    Type.String(),
    Type.Object({ url: Type.String(), detail: sayable(Type.Enum(["auto", "low", "high", "original"])) }),
  ]),
});
const AudioPart = Type.Object({
  type: Type.Literal("input_audio"),
  input_audio: Type.Object({ data: Type.String({ description: "Base64." }), format: Type.Enum(["wav", "mp3", "flac", "ogg", "opus"]) }),
});
const FilePart = Type.Object({
  type: Type.Literal("file"),
  file: Type.Object({ file_data: sayable(Type.String()), file_id: sayable(Type.String()), filename: sayable(Type.String()) }),
});

const plainContent = Type.Union([Type.String(), Type.Array(Type.Union([TextPart, Type.String()]))]);
const name = sayable(Type.String({ maxLength: 64 }));

const AskedCall = Type.Object({
  id: Type.String(),
  type: sayable(Type.Literal("function")),
  function: Type.Object({ name: Type.String(), arguments: sayable(Type.Union([Type.String(), AnyObject])) }),
});

/** One message of a conversation. */
export const AskedMessage = Type.Union([
  Type.Object({ role: Type.Enum(["system", "developer"]), content: plainContent, name }),
  Type.Object({
    role: Type.Literal("user"),
    content: Type.Union([Type.String(), Type.Array(Type.Union([TextPart, ImagePart, AudioPart, FilePart, Type.String()]))]),
    name,
  }),
  Type.Object({
    role: Type.Literal("assistant"),
    content: sayable(Type.Union([Type.String(), Type.Array(Type.Union([TextPart, RefusalPart, Type.String()]))])),
    name,
    refusal: sayable(Type.String()),
    tool_calls: sayable(Type.Array(AskedCall)),
    reasoning_content: sayable(Type.String()),
    reasoning: sayable(Type.String()),
    reasoning_details: sayable(Type.Array(AnyObject)),
  }),
  Type.Object({ role: Type.Literal("tool"), content: sayable(plainContent), tool_call_id: Type.String(), name }),
]);
/** One message of a conversation. */
export type AskedMessage = Static<typeof AskedMessage>;
