import { Type } from "typebox";
import { fault } from "../../../core/reasons.ts";
import { pathOf, type Doors, type Exchange } from "../../exchange.ts";
import { sendBody } from "../../send.ts";
import { openaiEnvelope } from "../envelope.ts";
import { reading, type Route } from "../route.ts";
import { openapiDocument } from "./document.ts";
import { pageFiles, pageHeaders } from "./page-files.ts";

const tag = "Service";
const envelope = openaiEnvelope();
const pageFile = pageFiles();

/** The description of all routes, and the page that shows it. */
export function openapiRoutes(doors: Doors, routes: () => readonly Route[]): readonly Route[] {
  let written: string | undefined;
  const document = async (exchange: Exchange) => {
    written ??= JSON.stringify(openapiDocument(routes(), doors.service.about));
    sendBody(exchange, 200, { type: "application/json", body: written });
  };
  const page = async (exchange: Exchange) => {
    const path = pathOf(exchange.request);
    const file = await pageFile(path.slice("/docs/".length));
    if (file === undefined) throw fault("route_not_found", `there is no ${JSON.stringify(path.slice(0, 256))}`);
    for (const [name, value] of Object.entries(pageHeaders)) exchange.response.setHeader(name, value);
    sendBody(exchange, 200, file);
  };
  return [
    {
      path: "/openapi.json",
      envelope,
      methods: {
        GET: {
          serve: reading(document, doors, envelope),
          operation: { tag, summary: "Describe every route", answers: { "application/json": OpenApi } },
        },
      },
    },
    {
      path: "/docs",
      envelope,
      methods: {
        GET: {
          serve: reading(page, doors, envelope),
          operation: { tag, summary: "Show the page on which every route can be tried", answers: { "text/html": Type.String() } },
        },
      },
    },
    {
      path: "/docs/{id}",
      envelope,
      methods: {
        GET: {
          serve: reading(page, doors, envelope),
          operation: {
            tag,
            summary: "Bring what that page is made of",
            answers: { "text/javascript": Type.String(), "text/css": Type.String() },
          },
        },
      },
    },
  ];
}

const OpenApi = Type.Object({
  openapi: Type.Literal("3.1.0"),
  info: Type.Object({ title: Type.String(), version: Type.String(), description: Type.String() }),
  servers: Type.Array(Type.Object({ url: Type.String() })),
  tags: Type.Array(Type.Object({ name: Type.String() })),
  paths: Type.Record(Type.String(), Type.Unknown({ description: "The methods of a path." })),
  components: Type.Record(Type.String(), Type.Unknown({ description: "What is referred to." })),
});
