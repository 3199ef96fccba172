import { Type } from "typebox";
import { AnyObject, sayable } from "../../wire/shapes.ts";

const InputText = Type.Object({ type: Type.Enum(["input_text", "output_text", "text"]), text: Type.String() });
const InputRefusal = Type.Object({ type: Type.Literal("refusal"), refusal: Type.String() });
const InputImage = Type.Object({
  type: Type.Literal("input_image"),
  image_url: sayable(Type.String({ description: "A data: URL, or another where the operator allows it." })),
  file_id: sayable(Type.String()),
  detail: sayable(Type.Enum(["auto", "low", "high", "original"])),
});
const InputFile = Type.Object({
  type: Type.Literal("input_file"),
  file_data: sayable(Type.String({ description: "A data: URL, or base64." })),
  file_id: sayable(Type.String()),
  file_url: sayable(Type.String()),
  filename: sayable(Type.String()),
});
const InputAudio = Type.Object({
  type: Type.Literal("input_audio"),
  input_audio: Type.Object({ data: Type.String({ description: "Base64." }), format: Type.Enum(["wav", "mp3", "flac", "ogg", "opus"]) }),
});

const InputMessage = Type.Object({
  type: sayable(Type.Literal("message")),
  role: Type.Enum(["user", "assistant", "system", "developer"]),
  content: Type.Union([Type.String(), Type.Array(Type.Union([InputText, InputRefusal, InputImage, InputFile, InputAudio]))]),
});

const InputCall = Type.Object({
  type: Type.Literal("function_call"),
  call_id: Type.String(),
  name: Type.String(),
  arguments: Type.String(),
});

const InputCallOutput = Type.Object({
  type: Type.Literal("function_call_output"),
  call_id: Type.String(),
  output: Type.Union([Type.String(), Type.Array(Type.Union([InputText, InputImage, InputFile]))]),
});

const InputReasoning = Type.Object({
  type: Type.Literal("reasoning"),
  summary: sayable(Type.Array(Type.Object({ type: Type.Literal("summary_text"), text: Type.String() }))),
  content: sayable(Type.Array(Type.Object({ type: Type.Literal("reasoning_text"), text: Type.String() }))),
  encrypted_content: sayable(Type.String({ description: "As an earlier answer of this service had it." })),
});

/** What the model is to answer: a text, or items. */
export const ResponseInput = Type.Union([
  Type.String({ minLength: 1 }),
  Type.Array(Type.Union([InputMessage, InputCall, InputCallOutput, InputReasoning]), { minItems: 1 }),
]);

/** A function that the model may call. */
export const InputTool = Type.Object({
  type: Type.Literal("function"),
  name: Type.String({ pattern: "^[A-Za-z0-9_-]{1,64}$" }),
  description: sayable(Type.String()),
  parameters: sayable(AnyObject),
  strict: sayable(Type.Boolean()),
});

const NamedTool = Type.Object({ type: Type.Literal("function"), name: Type.String() });

/** Whether and which tools are called. */
export const InputToolChoice = Type.Union([
  Type.Enum(["none", "auto", "required"]),
  NamedTool,
  Type.Object({
    type: Type.Literal("allowed_tools"),
    mode: Type.Enum(["auto", "required"]),
    tools: Type.Array(NamedTool, { minItems: 1 }),
  }),
]);

/** The shape of the answer. */
export const InputFormat = Type.Union([
  Type.Object({ type: Type.Enum(["text", "json_object"]) }),
  Type.Object({
    type: Type.Literal("json_schema"),
    name: Type.String(),
    description: sayable(Type.String()),
    schema: AnyObject,
    strict: sayable(Type.Boolean()),
  }),
]);
