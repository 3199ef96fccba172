import { basename } from "node:path";
import { boundedText } from "../../core/bounded-text.ts";

/** As much of a line as is told. */
const mostBytes = 200;

/** Lines of the native libraries: by the level that our logger puts before them, or by what they are known by. Nothing else that a process says is told: it may be anything. */
const native =
  /^(?:warn|error|fatal): |GGML_ASSERT|\b(?:ggml|gguf|llama|cuda|vulkan|metal)_\w+:|terminate called|what\(\): |out of memory/i;

/** What may be a caller's or operator's own words. */
const quoted = /"[^"]*"?|'[^']*'?|`[^`]*`?/g;
const ansi = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*[A-Za-z]`, "g");
const controls = /[\p{Cc}\p{Cf}\s]+/gu;
const path = /(?:file:\/\/)?(?:[A-Za-z]:)?[\\/](?:[^\\/\s:;,()]+[\\/])*[^\\/\s:;,()]+/g;

/** The last line of the native library among what a process has said, fit for callers: no path, nothing quoted, on one line and bounded. Empty where there is none. */
export function lastNativeLine(words: string): string {
  const line = words.split("\n").findLast((each) => native.test(each)) ?? "";
  const bare = line
    .replaceAll(ansi, "")
    .replaceAll(quoted, "...")
    .replaceAll(path, (found) => basename(found.replaceAll("\\", "/")));
  return boundedText(bare.replaceAll(controls, " ").trim(), mostBytes);
}
