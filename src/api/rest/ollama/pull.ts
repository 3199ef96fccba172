import type { Model, PullPhase } from "../../../../gen/parley/v1/models_pb.ts";
import { errorLine, errorToOllama } from "../../../dialects/ollama/errors.ts";
import { pulled, pullFromOllama, pullLine, pullStatuses } from "../../../dialects/ollama/pull.ts";
import type { PullStatus } from "../../../dialects/ollama/wire/models.ts";
import type { Doors, Exchange, Serve } from "../../exchange.ts";
import { send } from "../../send.ts";
import { note } from "../answer-error.ts";
import { linesType } from "./chat.ts";
import { ollamaEnvelope } from "../envelope.ts";
import { jsonRoute } from "../json-route.ts";
import type { PlainName } from "./names.ts";

/** `POST /api/pull`: brings a model of the catalog on disk. What fails before the first step has its own status. */
export function pull(doors: Doors, plainName: PlainName): Serve {
  return jsonRoute(doors, ollamaEnvelope, async (body, exchange) => {
    const { model, stream } = pullFromOllama(body);
    const steps = await begunPull(plainName(model), exchange, doors);
    if (stream) return sendLines(exchange, steps, doors);
    for await (const step of steps) void step;
    return pulled;
  });
}

/** What is told of a pull whose first step has come. */
async function begunPull(id: string, { call: { signal } }: Exchange, { service }: Doors): Promise<AsyncIterable<PullStatus>> {
  const steps = service.models.pull(id, signal)[Symbol.asyncIterator]();
  const first = await steps.next();
  return (async function* begun(): AsyncGenerator<PullStatus, void, undefined> {
    let before: PullPhase | undefined;
    let model: Model | undefined;
    try {
      for (let step = first; step.done !== true; step = await steps.next()) {
        model ??= await service.models.get(step.value.model, signal);
        yield* pullStatuses(step.value, model, before);
        before = step.value.phase;
      }
    } finally {
      await steps.return?.();
    }
  })();
}

/** Writes the steps as they come; what fails on the way is the last line. */
async function sendLines(exchange: Exchange, steps: AsyncIterable<PullStatus>, doors: Doors): Promise<undefined> {
  const { response } = exchange;
  response.writeHead(200, { "content-type": linesType, "cache-control": "no-cache, no-transform", "x-accel-buffering": "no" });
  let last = pullLine(pulled);
  try {
    for await (const step of steps) await send(exchange, pullLine(step), doors);
  } catch (error) {
    last = errorLine(errorToOllama(note(exchange, error, doors.log)));
  }
  response.end(last);
}
