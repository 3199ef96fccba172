import type { ServedBy } from "../../../gen/parley/v1/usage_pb.ts";
import { servedHeaders } from "../../dialects/openai/served.ts";
import type { Exchange } from "../exchange.ts";

/** Says in an answer's headers who served it. */
export function tellServed({ response }: Exchange, served: ServedBy | undefined): void {
  const headers = servedHeaders(served);
  for (const name of Object.keys(headers)) response.setHeader(name, headers[name] ?? "");
}
