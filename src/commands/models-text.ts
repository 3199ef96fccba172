import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Capability, ModelSchema, ModelState, type Model } from "../../gen/parley/v1/models_pb.ts";
import type { ModelFile } from "../core/ports.ts";
import { sizeText } from "./progress-bar.ts";

/** A file on disk as the contract's message, as far as a process that serves nothing can know it. */
export function modelOfFile(file: ModelFile): Model {
  const model = create(ModelSchema, {
    id: file.id,
    title: file.title,
    provider: "llama-cpp",
    state: file.problem === "" ? ModelState.ON_DISK : ModelState.FAILED,
    problem: file.problem,
    sizeBytes: BigInt(file.sizeBytes),
    capabilities: file.problem === "" ? [file.purpose === "embed" ? Capability.EMBED : Capability.CHAT] : [],
    licence: file.licence,
    created: timestampFromMs(file.modifiedMs),
    ownedBy: "local",
    sha256: file.sha256,
    aliases: [...file.aliases],
  });
  if (file.trainedContextLength !== undefined) model.contextLength = file.trainedContextLength;
  return model;
}

/** A table of models for people. */
export function modelTableText(models: readonly Model[]): string {
  const rows = models.map((model) => [
    model.id,
    stateText(model),
    sizeOf(model),
    contextOf(model),
    usesText(model) || "-",
    model.licence || "-",
  ]);
  return columnsText([["ID", "STATE", "SIZE", "CONTEXT", "USE", "LICENCE"], ...rows]);
}

/** Everything known of one model, a line each. */
export function modelText(model: Model, path: string | undefined): string {
  const facts: (readonly [string, string])[] = [
    ["id", model.id],
    ["also answers to", model.aliases.join(", ")],
    ["title", model.title],
    ["state", stateText(model)],
    ["problem", model.problem],
    ["file", path ?? ""],
    ["size", model.sizeBytes === undefined ? "unknown until it is pulled" : `${sizeOf(model)} (${model.sizeBytes} bytes)`],
    ["context", model.contextLength === undefined ? "" : `${model.contextLength} tokens`],
    ["use", usesText(model)],
    ["licence", model.licence],
    ["sha256", model.sha256],
  ];
  return columnsText(facts.filter(([, value]) => value !== ""));
}

function stateText({ state }: Model): string {
  const texts: Partial<Record<ModelState, string>> = {
    [ModelState.ON_DISK]: "on disk",
    [ModelState.FAILED]: "broken",
    [ModelState.PULLING]: "being pulled",
    [ModelState.CATALOG]: "can be pulled",
  };
  return texts[state] ?? "unknown";
}

function sizeOf({ sizeBytes }: Model): string {
  return sizeBytes === undefined ? "-" : sizeText(Number(sizeBytes));
}

function contextOf({ contextLength }: Model): string {
  return contextLength === undefined ? "-" : String(contextLength);
}

function usesText({ capabilities }: Model): string {
  const texts: Partial<Record<Capability, string>> = {
    [Capability.CHAT]: "chat",
    [Capability.REASONING]: "reasoning",
    [Capability.EMBED]: "embed",
  };
  return capabilities.map((capability) => texts[capability] ?? "").join(", ");
}

function columnsText(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}
