import { Ajv2020 } from "ajv/dist/2020.js";
import { default as formats } from "ajv-formats";
import { FinishReason } from "../../gen/parley/v1/chat_pb.ts";
import type { Provider } from "../core/ports.ts";
import type { BoundedSchema } from "./bounded-schemas.ts";
import { answerOf, textOf, valuesOf } from "./collect-events.ts";
import { userRequest } from "./sample-request.ts";

/** How a model answered to a schema. */
export interface SchemaAnswer extends BoundedSchema {
  readonly text: string;
  readonly tokens: number;
  /** Whether the model ended by itself. */
  readonly hasEnded: boolean;
  /** Why the answer is not valid; undefined: it is. */
  readonly fault: string | undefined;
}

/** Judges a JSON text by a schema; gives what is wrong with it. Where several schemas are judged, one judge has seen each once. */
export function schemaJudge(): (schema: Readonly<Record<string, unknown>>, text: string) => string | undefined {
  const ajv = new Ajv2020({ strict: false, logger: false });
  formats.default(ajv);
  return (schema, text) => {
    const isValid = ajv.compile(schema);
    try {
      return isValid(JSON.parse(text)) ? undefined : ajv.errorsText(isValid.errors);
    } catch {
      return "is no JSON";
    }
  };
}

/** Asks a model for an answer to each schema, eight at a time, with all tokens as likely as the model has them. */
export async function schemaAnswers(provider: Provider, model: string, schemas: readonly BoundedSchema[]): Promise<SchemaAnswer[]> {
  const judge = schemaJudge();
  const answers: SchemaAnswer[] = [];
  const open = schemas.entries();
  const worker = async () => {
    for (const [index, bounded] of open) {
      const { events, text } = await answered(provider, userRequest(`value ${index}`, requestOf(model, index, bounded)));
      const reason = valuesOf(events, "finished")[0]?.reason;
      const hasEnded = reason === FinishReason.STOP;
      const tokens = valuesOf(events, "completed")[0]?.usage?.completionTokens ?? 0;
      answers[index] = { ...bounded, text, tokens, hasEnded, fault: hasEnded ? judge(bounded.schema, text) : undefined };
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return answers;
}

/** Most tokens of an answer: one that is longer has not ended by itself. */
const mostTokens = 600;

function requestOf(model: string, index: number, { schema }: BoundedSchema): Parameters<typeof userRequest>[1] {
  return {
    model,
    maxTokens: mostTokens,
    sampling: { temperature: 1, topK: 0, topP: 1, minP: 0, seed: BigInt(index + 1) },
    responseFormat: { format: { case: "jsonSchema", value: { name: "value", schema: JSON.stringify(schema) } } },
  };
}

async function answered(provider: Provider, request: ReturnType<typeof userRequest>) {
  const events = await answerOf(provider, request);
  return { events, text: textOf(events) };
}
