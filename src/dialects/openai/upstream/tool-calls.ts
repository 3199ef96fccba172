import type { ChatEvent } from "../../../../gen/parley/v1/chat_pb.ts";
import { toolCall } from "../../../core/events.ts";
import { isJsonObject, type JsonObject } from "../../../core/json.ts";

/** One call of a choice. */
interface Call {
  readonly index: number;
  /** As the upstream said it; empty: it has said none. */
  readonly toldId: string;
  /** Arguments that came before the name. */
  held: string;
  isNamed: boolean;
}

/**
 * The calls of one choice, from their pieces. Servers leave out the index, repeat ids and names with each piece, send calls without an id, several under one
 * index, or the arguments as an object instead of its text: each call gets an index, an id and its name once.
 */
export class ToolCalls {
  readonly #choice: number;
  readonly #byIndex = new Map<number, Call>();
  readonly #byId = new Map<string, Call>();
  #last: Call | undefined;
  #count = 0;
  #unnamed = 0;

  constructor(choice: number) {
    this.#choice = choice;
  }

  /** Whether a call has no name yet. */
  get isOpen(): boolean {
    return this.#unnamed > 0;
  }

  /** The event of a piece; undefined where it adds nothing. */
  read(piece: unknown): ChatEvent | "malformed" | undefined {
    if (!isJsonObject(piece)) return "malformed";
    const called = piece["function"] ?? {};
    if (!isJsonObject(called)) return "malformed";
    const words = argumentsOf(called["arguments"]);
    if (words === undefined) return "malformed";
    const name = textOf(called["name"]);
    const call = this.#callOf(piece, name);
    return call.isNamed ? this.#more(call, words) : this.#first(call, name, words);
  }

  #more({ index }: Call, words: string): ChatEvent | undefined {
    return words === "" ? undefined : toolCall({ choice: this.#choice, index, arguments: words });
  }

  /** A call is told with its name; what came of it before is kept until then. */
  #first(call: Call, name: string, words: string): ChatEvent | undefined {
    call.held += words;
    if (name === "") return undefined;
    call.isNamed = true;
    this.#unnamed--;
    const id = call.toldId === "" ? inventedId() : call.toldId;
    return toolCall({ choice: this.#choice, index: call.index, id, name, arguments: call.held });
  }

  #callOf(piece: JsonObject, name: string): Call {
    const id = textOf(piece["id"]);
    const at = piece["index"];
    const known = typeof at === "number" ? this.#byIndex.get(at) : this.#withoutIndex(id, name);
    if (known !== undefined && !isAnother(known, id, name)) return (this.#last = known);
    const call: Call = { index: this.#count++, toldId: this.#byId.has(id) ? "" : id, held: "", isNamed: false };
    this.#unnamed++;
    if (typeof at === "number") this.#byIndex.set(at, call);
    if (call.toldId !== "") this.#byId.set(id, call);
    return (this.#last = call);
  }

  /** By its id, else the last one, unless the piece begins another. */
  #withoutIndex(id: string, name: string): Call | undefined {
    if (id !== "") return this.#byId.get(id);
    return name === "" ? this.#last : undefined;
  }
}

/** Some servers number all calls 0: another id together with a name begins another call. */
function isAnother(known: Call, id: string, name: string): boolean {
  return known.isNamed && id !== "" && name !== "" && known.toldId !== "" && known.toldId !== id;
}

function inventedId(): string {
  return `call_${crypto.randomUUID().replaceAll("-", "").slice(0, 24)}`;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value.toWellFormed() : "";
}

/** Undefined: neither a text nor an object. */
function argumentsOf(value: unknown): string | undefined {
  if (typeof value === "string") return value.toWellFormed();
  if (value === undefined || value === null) return "";
  return isJsonObject(value) ? JSON.stringify(value) : undefined;
}
