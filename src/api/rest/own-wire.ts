import { Type, type Static } from "typebox";

/** That the process answers. */
export const Alive = Type.Object({ status: Type.Literal("ok") });
/** That the process answers. */
export type Alive = Static<typeof Alive>;

/** Why no requests should be sent here. */
export const NotReady = Type.Object({ status: Type.Literal("not ready"), reason: Type.String() });
/** Why no requests should be sent here. */
export type NotReady = Static<typeof NotReady>;

/** What this is, and whether it serves. */
export const Health = Type.Object({
  status: Type.Enum(["ok", "failed"], { description: "`failed`, with status 503: the default model could not be loaded." }),
  name: Type.String(),
  version: Type.String(),
  ready: Type.Boolean(),
  reason: Type.Optional(Type.String({ description: "Why it is not ready." })),
  message: Type.String({ description: "For people, as Distiller had it: whether the default model is there." }),
  dependencies: Type.Object(
    { redis: Type.Literal("not used"), kafka: Type.Literal("not used"), langchain: Type.Enum(["ok", "not ready"]) },
    {
      description:
        "As the LangChain service had it; this version uses neither Redis nor Kafka, and its own routing stands in LangChain's place.",
    },
  ),
});
/** What this is, and whether it serves. */
export type Health = Static<typeof Health>;

/** What this is, and where to go on. */
export const About = Type.Object({
  status: Type.Literal("ok", { description: "As Distiller had it." }),
  name: Type.String(),
  version: Type.String(),
  endpoints: Type.Array(Type.String()),
});
/** What this is, and where to go on. */
export type About = Static<typeof About>;

/** Names of what stands behind the service. */
export const ProviderNames = Type.Object({
  providers: Type.Array(Type.String()),
  default: Type.String({ description: "The default model's provider; empty where it is not known." }),
});
/** Names of what stands behind the service. */
export type ProviderNames = Static<typeof ProviderNames>;
