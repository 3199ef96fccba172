import type { Gate } from "../admission.ts";
import type { Called, Doors, RequestHead } from "../exchange.ts";
import type { Encodings } from "./compression.ts";
import type { NativeMethod } from "./methods.ts";

/** What serving a call needs. */
export interface CallOptions extends Pick<Doors, "clock" | "limits" | "log"> {
  readonly gate: Gate;
}

/** What is asked. */
export interface Asked extends Called {
  readonly method: NativeMethod;
  readonly encodings: Encodings;
  readonly requestId: string;
  readonly head: RequestHead;
}
