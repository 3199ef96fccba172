import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

/** JSON of the document. */
type Json = Readonly<Record<string, unknown>>;

/** What the document says of one content type. */
interface Content {
  readonly schema: Json;
  readonly "x-itemSchema"?: Json;
  readonly example?: unknown;
}

/** One method on one path, as the document has it. */
export interface RestOperation {
  /** Such as `POST /v1/embeddings`. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /** The JSON body's schema, with references; undefined: none is read. */
  readonly body: Json | undefined;
  readonly example: unknown;
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Content>> }>>;
}

/** An answer to hold against the document. */
export interface RestAnswer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** The document that a service serves, as what it says can be held against what it does. */
export interface RestDocument {
  readonly operations: readonly RestOperation[];
  /** The schema that a reference means. */
  readonly resolve: (schema: Json) => Json;
  /** Whether a value is what a schema of the document allows. */
  readonly allows: (schema: Json, value: unknown) => boolean;
  /** What is wrong with an answer: a status, type or key that the document does not tell; undefined: nothing. */
  readonly problemOf: (operation: RestOperation, answer: RestAnswer) => string | undefined;
}

interface Raw {
  readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
}

interface RawOperation extends Pick<RestOperation, "responses"> {
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> };
}

/** Reads it from a running service. */
export async function restDocument(url: string): Promise<RestDocument> {
  const raw = (await (await fetch(`${url}/openapi.json`)).json()) as Raw;
  const open = validators(raw);
  const closed = validators(closedObjects(raw));
  return {
    operations: operationsOf(raw),
    resolve: (schema) => resolved(schema, raw),
    allows: (schema, value) => open(schema)(value),
    problemOf: ({ responses }, answer) => problemOf(responses, answer, (schema) => closed(closedObjects(schema))),
  };
}

function operationsOf({ paths }: Raw): RestOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { requestBody, responses }]) => {
      const { schema: body, example } = requestBody?.content["application/json"] ?? {};
      return { name: `${method.toUpperCase()} ${path}`, method: method.toUpperCase(), path, body, example, responses };
    }),
  );
}

function resolved(schema: Json, raw: Raw): Json {
  const { $ref: reference } = schema;
  if (typeof reference !== "string") return schema;
  return resolved(raw.components.schemas[reference.slice("#/components/schemas/".length)] ?? {}, raw);
}

/** Compiles schemas of a document, each once. */
function validators(raw: Raw): (schema: Json) => ValidateFunction {
  const ajv = new Ajv2020({ strict: false, validateSchema: false, validateFormats: true });
  addFormats.default(ajv);
  ajv.addSchema(raw, "openapi.json");
  const known = new Map<string, ValidateFunction>();
  return (schema) => {
    const text = JSON.stringify(schema).replaceAll('"#/components/', '"openapi.json#/components/');
    const found = known.get(text) ?? ajv.compile(JSON.parse(text) as Json);
    known.set(text, found);
    return found;
  };
}

/** The same with no further keys allowed: a key that is answered and not told of is a hole in the document. */
function closedObjects<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(closedObjects) as Value;
  if (typeof value !== "object" || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, key === "example" ? each : closedObjects(each)]));
  const isClosable = copy["type"] === "object" && copy["properties"] !== undefined && copy["additionalProperties"] === undefined;
  return (isClosable ? { ...copy, additionalProperties: false } : copy) as Value;
}

type Compile = (schema: Json) => ValidateFunction;

function problemOf(responses: RestOperation["responses"], { status, type, text }: RestAnswer, compile: Compile): string | undefined {
  const response = responses[status] ?? responses[`${Math.floor(status / 100)}XX`];
  if (response === undefined) return `status ${status} is not told`;
  const base = type.split(";")[0] ?? "";
  if (response.content === undefined) return text === "" ? undefined : "a body is not told";
  const content = response.content[base];
  if (content === undefined) return `type ${JSON.stringify(type)} is not told for ${status}`;
  const item = content["x-itemSchema"];
  if (item !== undefined) return problemIn(itemsOf(base, text), compile(item));
  return problemIn([base === "application/json" ? JSON.parse(text) : text], compile(content.schema));
}

function problemIn(values: readonly unknown[], isValid: ValidateFunction): string | undefined {
  if (values.length === 0) return "the stream is empty";
  const wrong = values.find((value) => !isValid(value));
  if (wrong === undefined) return undefined;
  isValid(wrong);
  return `${JSON.stringify(isValid.errors?.slice(0, 6).map(({ instancePath, message, params }) => [instancePath, message, params]))} in ${JSON.stringify(wrong)}`;
}

/** What a stream consists of, its end mark aside. */
function itemsOf(type: string, text: string): unknown[] {
  const lines = text.split("\n");
  const data =
    type === "text/event-stream"
      ? lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice("data: ".length))
      : lines.filter((line) => line !== "");
  return data.filter((line) => line !== "[DONE]").map((line) => JSON.parse(line) as unknown);
}
