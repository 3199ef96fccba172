import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import { parse } from "yaml";
import type { KubernetesObject } from "./helm.ts";

/** What is wrong with an object, a sentence each; none where it is good. */
export type Check = (object: KubernetesObject) => readonly string[];

type Schema = Readonly<Record<string, unknown>>;

/** Checks of Kubernetes' own objects, by a file of definitions that refuse unknown fields. */
export function kubernetesCheck(file: string): Check {
  const { $defs } = JSON.parse(readFileSync(file, "utf8")) as { readonly $defs: Readonly<Record<string, Schema>> };
  const ajv = newAjv().addSchema({ $id: "definitions", $defs });
  const names = new Map(Object.entries($defs).flatMap(([name, schema]) => kindsOf(schema).map((kind) => [kind, name] as const)));
  const validators = new Map<string, ValidateFunction>();
  return (object) => {
    const name = names.get(kindOf(object));
    if (name === undefined) return [`${placeOf(object)}: there is no schema of ${kindOf(object)}`];
    let validate = validators.get(name);
    if (validate === undefined) validators.set(name, (validate = ajv.compile({ $ref: `definitions#/$defs/${name}` })));
    return problemsOf(object, validate);
  };
}

/** Checks of objects that others define, by a folder of CustomResourceDefinitions; fields that they do not know are refused. */
export function customCheck(folder: string): Check {
  const ajv = newAjv();
  const schemas = new Map(readdirSync(folder).flatMap((file) => definedIn(join(folder, file))));
  return (object) => {
    const schema = schemas.get(kindOf(object));
    if (schema === undefined) return [`${placeOf(object)}: there is no schema of ${kindOf(object)}`];
    return problemsOf(object, ajv.compile(closedSchema(schema)));
  };
}

/** Whether Kubernetes itself knows objects of this kind. */
export function isBuiltIn({ apiVersion }: KubernetesObject): boolean {
  return !apiVersion.includes(".") || (apiVersion.includes(".k8s.io/") && !apiVersion.startsWith("gateway."));
}

function newAjv(): Ajv2020 {
  return new Ajv2020({ strict: false, allErrors: true, logger: false, code: { regExp: Object.assign(regExp, { code: "new RegExp" }) } });
}

/** Patterns are Go's: what ignores case says so inside. */
function regExp(pattern: string, flags: string): RegExp {
  const bare = pattern.replaceAll("(?i)", "");
  return new RegExp(bare, bare === pattern ? flags : `${flags}i`);
}

interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

function kindsOf(schema: Schema): string[] {
  const kinds = (schema["x-kubernetes-group-version-kind"] ?? []) as readonly GroupVersionKind[];
  return kinds.map(({ group, version, kind }) => `${group === "" ? version : `${group}/${version}`} ${kind}`);
}

const kindOf = ({ apiVersion, kind }: KubernetesObject) => `${apiVersion} ${kind}`;
const placeOf = ({ kind, metadata }: KubernetesObject) => `${kind}/${metadata.name}`;

function problemsOf(object: KubernetesObject, validate: ValidateFunction): readonly string[] {
  if (validate(object)) return [];
  return (validate.errors ?? []).map((error) => `${placeOf(object)}${error.instancePath}: ${error.message ?? ""}${detailOf(error)}`);
}

function detailOf({ params }: ErrorObject): string {
  const { additionalProperty } = params as { readonly additionalProperty?: string };
  return additionalProperty === undefined ? "" : ` (${additionalProperty})`;
}

interface Definition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

function definedIn(file: string): [string, Schema][] {
  const { spec } = parse(readFileSync(file, "utf8")) as Definition;
  return spec.versions.map(({ name, schema }) => [`${spec.group}/${name} ${spec.names.kind}`, schema.openAPIV3Schema]);
}

/** The schema with every object closed that lists its properties; `metadata` has those that all objects have. */
function closedSchema(schema: Schema, at = ""): Schema {
  const { properties, items, additionalProperties } = schema as {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly items?: Schema;
    readonly additionalProperties?: Schema;
  };
  if (at === "metadata" || schema["x-kubernetes-preserve-unknown-fields"] === true) return schema;
  return {
    ...schema,
    ...(properties !== undefined && {
      additionalProperties: false,
      properties: Object.fromEntries(
        Object.entries(properties).map(([key, value]) => [key, closedSchema(value, at === "" ? key : `${at}.${key}`)]),
      ),
    }),
    ...(items !== undefined && { items: closedSchema(items, `${at}[]`) }),
    ...(typeof additionalProperties === "object" && { additionalProperties: closedSchema(additionalProperties, `${at}.*`) }),
  };
}
