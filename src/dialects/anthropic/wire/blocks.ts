import { Type } from "typebox";
import { sayable } from "../../openai/wire/shapes.ts";

/** Marks the end of a prefix that is worth keeping; upstreams that speak this format heed it. */
export const CacheControl = Type.Object({
  type: Type.Literal("ephemeral"),
  ttl: sayable(Type.Union([Type.Literal("5m"), Type.Literal("1h")])),
});

const kept = { cache_control: sayable(CacheControl) };
const base64 = Type.String({ contentEncoding: "base64" });

/** Words. */
export const TextParam = Type.Object({ type: Type.Literal("text"), text: Type.String(), ...kept });

/** Where a picture or a document is. */
const Source = Type.Union([
  Type.Object({ type: Type.Literal("base64"), media_type: Type.String(), data: base64 }),
  Type.Object({ type: Type.Literal("text"), media_type: sayable(Type.Literal("text/plain")), data: Type.String() }),
  Type.Object({ type: Type.Literal("url"), url: Type.String() }),
  Type.Object({ type: Type.Literal("file"), file_id: Type.String() }),
]);

const ImageParam = Type.Object({ type: Type.Literal("image"), source: Source, ...kept });
const DocumentParam = Type.Object({ type: Type.Literal("document"), source: Source, title: sayable(Type.String()), ...kept });

const ThinkingParam = Type.Object({ type: Type.Literal("thinking"), thinking: Type.String(), signature: sayable(Type.String()) });
const RedactedThinkingParam = Type.Object({ type: Type.Literal("redacted_thinking"), data: Type.String() });

const ToolUseParam = Type.Object({
  type: Type.Literal("tool_use"),
  id: Type.String(),
  name: Type.String(),
  input: Type.Record(Type.String(), Type.Unknown()),
  ...kept,
});

const ToolResultParam = Type.Object({
  type: Type.Literal("tool_result"),
  tool_use_id: Type.String(),
  content: sayable(Type.Union([Type.String(), Type.Array(Type.Union([TextParam, ImageParam, DocumentParam]))])),
  is_error: sayable(Type.Boolean()),
  ...kept,
});

/** One block of a conversation. */
export const BlockParam = Type.Union([
  TextParam,
  ImageParam,
  DocumentParam,
  ThinkingParam,
  RedactedThinkingParam,
  ToolUseParam,
  ToolResultParam,
]);
