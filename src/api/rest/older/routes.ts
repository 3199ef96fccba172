import type { Doors } from "../../exchange.ts";
import type { Route } from "../route.ts";
import { awaRoutes } from "./awa.ts";
import { distillerRoutes } from "./distiller.ts";
import { invokeRoutes } from "./invoke.ts";
import { pendingRoutes } from "./pending.ts";
import { prismRoutes } from "./prism.ts";

/** What the clients of the older services ask for, beside what other clients ask for too. */
export function olderRoutes(doors: Doors): readonly Route[] {
  return [...awaRoutes(doors), ...prismRoutes(doors), ...distillerRoutes(doors), ...invokeRoutes(doors), ...pendingRoutes(doors)];
}
