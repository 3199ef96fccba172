import { Type, type Static } from "typebox";

/** How the older services that were made with FastAPI told of failures: AWA, Prism and Distiller. */
export const DetailBody = Type.Object({ detail: Type.String() });
/** How they told of failures. */
export type DetailBody = Static<typeof DetailBody>;
