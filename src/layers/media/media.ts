import type { ChatRequest } from "../../../gen/parley/v1/chat_pb.ts";
import type { Media, Message, Part } from "../../../gen/parley/v1/messages_pb.ts";
import { limitFault, type Limits } from "../../core/limits.ts";
import { invalidField } from "../../core/reasons.ts";
import { throwIfAborted } from "../../core/signals.ts";
import type { Layer } from "../../core/work.ts";
import { FetchProblem, type Fetch } from "./fetcher.ts";

/** What the layer needs. */
export interface FetchMediaOptions {
  readonly fetch: Fetch;
  readonly limits: Pick<Limits, "maxMediaFetches" | "maxMediaBytes">;
}

/** A medium of a request that has to be fetched. */
interface Wanted {
  readonly kind: MediaKind;
  readonly url: string;
  /** Where it stands in the request. */
  readonly field: string;
}

type MediaKind = "image" | "audio" | "file";

/** What each kind of part may be; SVG and HTML are programs, which whoever draws them would run. */
const contentTypes: Readonly<Record<MediaKind, RegExp>> = {
  image: /^image\/(?!svg)[\w.+-]+$/,
  audio: /^audio\/[\w.+-]+$/,
  file: /^(?:application\/(?:pdf|json|rtf|msword|vnd\.[\w.+-]+)|text\/(?!html|xml|javascript)[\w.+-]+)$/,
};

/** Fetches the media that a request names by URL, so that what follows has bytes: no upstream is told to fetch on a client's word. Which URLs may be, `validate` has said. */
export function fetchMedia(options: FetchMediaOptions): Layer {
  return function fetchMediaLayer(next, kind) {
    return function withMedia(request, context) {
      const chat = kind.chatOf(request);
      const wanted = chat === undefined ? [] : wantedOf(chat);
      if (wanted.length === 0) return next(request, context);
      return {
        async *[Symbol.asyncIterator]() {
          const fetched = await fetchAll(wanted, context.signal, options);
          throwIfAborted(context.signal);
          yield* next(
            kind.withChat(request, (given) => withFetched(given, fetched)),
            context,
          );
        },
      };
    };
  };
}

/** One after the other: a caller's list of URLs makes no burst of connections. */
async function fetchAll(wanted: readonly Wanted[], signal: AbortSignal, { fetch, limits }: FetchMediaOptions): Promise<Map<string, Media>> {
  const { maxMediaFetches, maxMediaBytes } = limits;
  const fetched = new Map<string, Media>();
  let left = maxMediaBytes;
  for (const { kind, url, field } of wanted) {
    const key = keyOf(kind, url);
    if (fetched.has(key)) continue;
    if (fetched.size === maxMediaFetches)
      throw limitFault("maxMediaFetches", `${field}: the request names more media by URL than limits.maxMediaFetches, ${maxMediaFetches}`);
    try {
      const { bytes, contentType } = await fetch(url, { mostBytes: left, signal });
      if (!contentTypes[kind].test(contentType)) throw new FetchProblem(`is of a type that no ${kind} is here`);
      left -= bytes.length;
      fetched.set(key, { source: { case: "data", value: bytes }, mimeType: contentType } as Media);
    } catch (error) {
      if (error instanceof FetchProblem) throw invalidField(field, error.message);
      throw error;
    }
  }
  return fetched;
}

function keyOf(kind: MediaKind, url: string): string {
  return `${kind} ${url}`;
}

function wantedOf({ messages }: ChatRequest): Wanted[] {
  const found: Wanted[] = [];
  for (let index = 0; index < messages.length; index++) collect(messages[index]!.parts, () => `messages[${index}].parts`, found);
  return found;
}

function collect(parts: readonly Part[], place: () => string, found: Wanted[]): void {
  for (let index = 0; index < parts.length; index++) {
    const { part } = parts[index]!;
    if (part.case === "toolResult") collect(part.value.content, () => `${place()}[${index}].tool_result.content`, found);
    const media = mediaOf(part);
    if (media === undefined) continue;
    found.push({ kind: media.kind, url: media.url, field: `${place()}[${index}].${media.kind}.url` });
  }
}

/** What of a part has to be fetched. */
function mediaOf(part: Part["part"]): Pick<Wanted, "kind" | "url"> | undefined {
  if (part.case !== "image" && part.case !== "audio" && part.case !== "file") return undefined;
  const { source } = part.value;
  return source.case === "url" && !source.value.startsWith("data:") ? { kind: part.case, url: source.value } : undefined;
}

function withFetched(chat: ChatRequest, fetched: ReadonlyMap<string, Media>): ChatRequest {
  return { ...chat, messages: chat.messages.map((message): Message => ({ ...message, parts: partsWith(message.parts, fetched) })) };
}

function partsWith(parts: readonly Part[], fetched: ReadonlyMap<string, Media>): Part[] {
  return parts.map((whole): Part => {
    const { part } = whole;
    if (part.case === "toolResult")
      return { ...whole, part: { ...part, value: { ...part.value, content: partsWith(part.value.content, fetched) } } };
    const media = mediaOf(part);
    const bytes = media === undefined ? undefined : fetched.get(keyOf(media.kind, media.url));
    if (bytes === undefined || part.case === undefined) return whole;
    return { ...whole, part: { ...part, value: { ...part.value, ...bytes } } as Part["part"] };
  });
}
