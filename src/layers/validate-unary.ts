import type { EmbedInput, EmbedRequest } from "../../gen/parley/v1/embeddings_pb.ts";
import type { RerankRequest } from "../../gen/parley/v1/rerank_pb.ts";
import type { DetokenizeRequest, TokenizeRequest } from "../../gen/parley/v1/tokens_pb.ts";
import { limits as limitRows, type LimitName, type Limits } from "../core/limits.ts";
import type { FieldViolation } from "../core/reasons.ts";
import { detokenizeKind, embedKind, rerankKind, tokenizeKind } from "../core/unary-kinds.ts";
import { checkNames, type Check } from "./validate-names.ts";

/** Notes a field whose size is above a limit. */
type Within = (name: LimitName, size: number, field: string) => void;

type Violations = (request: never, limits: Limits) => FieldViolation[];

interface Checks {
  readonly check: Check;
  readonly within: Within;
}

const mostDimensions = 65_536;
const mostResults = 2048;

/** Everything that is wrong with a request that is not about a chat, by the operation of its kind. */
export const unaryViolations: ReadonlyMap<string, Violations> = new Map<string, Violations>([
  [embedKind.operation, violationsBy(checkEmbed)],
  [rerankKind.operation, violationsBy(checkRerank)],
  [tokenizeKind.operation, violationsBy(checkTokenize)],
  [detokenizeKind.operation, violationsBy(checkDetokenize)],
]);

function violationsBy<Request extends { readonly model: string; readonly provider?: string }>(
  look: (request: Request, checks: Checks) => void,
): (request: Request, limits: Limits) => FieldViolation[] {
  return (request, limits) => {
    const found: FieldViolation[] = [];
    const check: Check = (holds, field, description) => {
      if (!holds) found.push({ field, description });
    };
    const within: Within = (name, size, field) =>
      check(size <= limits[name], field, `${size} is more than limits.${name}, ${limits[name]}: ${limitRows[name].what}`);
    checkNames(request, check);
    look(request, { check, within });
    return found;
  };
}

function checkEmbed({ inputs, dimensions = 1, endUserId }: EmbedRequest, checks: Checks): void {
  const { check, within } = checks;
  check(inputs.length > 0, "inputs", "is empty: at least one input is needed");
  within("maxInputs", inputs.length, "inputs");
  check(dimensions >= 1 && dimensions <= mostDimensions, "dimensions", `${dimensions} is outside 1 to ${mostDimensions}`);
  check(endUserId.length <= 256, "end_user_id", "is longer than 256 characters");
  for (const [index, { input }] of inputs.entries()) checkInput(input, `inputs[${index}]`, checks);
}

function checkInput(input: EmbedInput["input"], place: string, { check, within }: Checks): void {
  if (input.case === "text") {
    check(input.value !== "", `${place}.text`, "is empty");
    within("maxTextBytes", bytesOf(input.value), `${place}.text`);
  } else if (input.case === "tokenIds") {
    check(input.value.ids.length > 0, `${place}.token_ids`, "is empty");
    within("maxTokenIds", input.value.ids.length, `${place}.token_ids`);
  } else check(false, place, "has neither text nor token_ids");
}

function checkRerank({ query, documents, topN = 1 }: RerankRequest, { check, within }: Checks): void {
  check(query !== "", "query", "is empty");
  within("maxTextBytes", bytesOf(query), "query");
  check(documents.length > 0, "documents", "is empty: at least one document is needed");
  within("maxDocuments", documents.length, "documents");
  check(topN >= 1 && topN <= mostResults, "top_n", `${topN} is outside 1 to ${mostResults}`);
  for (const [index, document] of documents.entries()) within("maxTextBytes", bytesOf(document), `documents[${index}]`);
}

function checkTokenize({ text }: TokenizeRequest, { within }: Checks): void {
  within("maxTextBytes", bytesOf(text), "text");
}

function checkDetokenize({ tokenIds }: DetokenizeRequest, { check, within }: Checks): void {
  within("maxTokenIds", tokenIds.length, "token_ids");
  const negative = tokenIds.findIndex((id) => id < 0);
  check(negative < 0, `token_ids[${negative}]`, "is negative");
}

const encoder = new TextEncoder();

/** Bytes of a text in UTF-8. */
function bytesOf(text: string): number {
  return encoder.encode(text).length;
}
