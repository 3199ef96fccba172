import { fault } from "../../../core/reasons.ts";
import type { Doors } from "../../exchange.ts";
import { ollamaEnvelope as envelope } from "../envelope.ts";
import { guarded, type Route } from "../route.ts";

const advice = "put GGUF files into the model folder, or pull models of the catalog";

/** What Ollama does with models and this service does not, and why. */
const refusals = [
  ["/api/create", ["POST"], `models are not made here: ${advice}`],
  ["/api/copy", ["POST"], "models are not copied: give one another name in the configuration's aliases"],
  ["/api/push", ["POST"], "models are not published"],
  ["/api/blobs/{id}", ["HEAD", "POST"], `parts of models are not taken: ${advice}`],
] as const;

/** Paths that clients know and that answer 501, in words that say what to do instead. */
export function refusedRoutes(doors: Doors): readonly Route[] {
  return refusals.map(([path, methods, because]) => {
    const serve = guarded(() => Promise.reject(fault("unimplemented", because)), doors, envelope);
    const operation = { tag: "Ollama", summary: `Refuse: ${because}`, answers: {} };
    return { path, envelope, methods: Object.fromEntries(methods.map((method) => [method, { serve, operation }])) };
  });
}
