import { Capability, ModelState, type Model } from "../../gen/parley/v1/models_pb.ts";
import { sizeText } from "../core/size-text.ts";

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
  // Tools have no word: every chat model calls them.
  return capabilities.flatMap((capability) => texts[capability] ?? []).join(", ");
}

/** What a terminal would obey instead of showing it: control characters, line ends, and characters that turn the direction of writing. */
const commanding = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

function escaped(text: string): string {
  return text.replaceAll(commanding, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function columnsText(texts: readonly (readonly string[])[]): string {
  const rows = texts.map((row) => row.map(escaped));
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
