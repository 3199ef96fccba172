import { create } from "@bufbuild/protobuf";
import { ChatRequestSchema } from "../gen/parley/v1/chat_pb.ts";
import { Role } from "../gen/parley/v1/messages_pb.ts";
import type { LoadedConfig } from "./config.ts";
import { originOf } from "./config/overlay.ts";
import { systemClock } from "./core/clock.ts";
import { fault } from "./core/reasons.ts";
import { chatViolations } from "./layers/validate.ts";
import { readTls } from "./service-tls.ts";
import { openUpstreams } from "./service-upstreams.ts";

/** Refuses what only the parts that use it can judge: parameters that no request may have, settings that an upstream's kind does not take, and files that TLS cannot use. Asks nobody. Throws `invalid_request` that names the key. */
export async function checkParts(loaded: LoadedConfig): Promise<void> {
  readTls(loaded);
  checkParameters(loaded);
  const upstreams = openUpstreams({ loaded, clock: systemClock });
  await Promise.all(upstreams.flatMap(({ providers }) => providers.map((provider) => provider.close())));
}

const { messages: anyMessages } = create(ChatRequestSchema, {
  messages: [{ role: Role.USER, parts: [{ part: { case: "text", value: { text: "any" } } }] }],
});

/** Parameters of routes are held to what requests are held to, since they come in behind that check. Throws `invalid_request` that names the key. */
export function checkParameters({ settings, limits, origins }: LoadedConfig): void {
  for (const [index, { targets }] of settings.routes.entries())
    for (const [place, { parameters }] of targets.entries()) {
      const [violation] = parameters === undefined ? [] : chatViolations({ ...parameters, messages: anyMessages }, limits);
      if (violation === undefined) continue;
      const path = `routes[${index}].targets[${place}].parameters`;
      const where = [originOf(path, origins), path].filter((text) => text !== undefined).join(": ");
      throw fault("invalid_request", `${where}: ${violation.field} ${violation.description}`);
    }
}
