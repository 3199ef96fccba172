import { boundedSchemas } from "../testing/bounded-schemas.ts";
import { schemaAnswers, type SchemaAnswer } from "../testing/schema-answers.ts";
import { tinyProvider } from "../testing/tiny-provider.ts";
import type { Bench } from "./bench.ts";

/** What a model without sense writes under schemas, judged by a validator. */
export const schema: Bench = {
  what: "answers of a model of random weights to generated schemas, judged by ajv",
  options: { schemas: { default: 400, what: "schemas" }, seed: { default: 1, what: "of the schemas and of the model's weights" } },
  async run({ schemas = 400, seed = 1 }, say) {
    const tiny = await tinyProvider({ load: { contextLength: 1024, sequences: 8 } });
    try {
      await tiny.library.add("random", { ends: "sometimes", seed });
      const beganMs = performance.now();
      const answers = await schemaAnswers(tiny.provider, "random", boundedSchemas(schemas, seed));
      const lines = [...linesOf(answers), `${((performance.now() - beganMs) / 1000).toFixed(1)} s`];
      for (const line of lines) say(line);
      return { lines, data: dataOf(answers) };
    } finally {
      await tiny.close();
    }
  },
};

function linesOf(answers: readonly SchemaAnswer[]): string[] {
  const { ended, valid, keywords, wrong } = dataOf(answers);
  const rarest = Math.min(...Object.values(keywords));
  return [
    `${answers.length} schemas, ${Object.keys(keywords).length} keywords and formats, each in at least ${rarest} schemas`,
    `${ended} answers ended by themselves: ${((100 * ended) / answers.length).toFixed(1)} %`,
    `${valid} of these are valid: ${((100 * valid) / ended).toFixed(1)} %`,
    ...wrong.map(({ schema: of, fault }) => `not valid: ${fault} by ${JSON.stringify(of)}`),
    ...Object.entries(keywords).map(([keyword, times]) => `  ${keyword.padEnd(22)} ${times}`),
  ];
}

function dataOf(answers: readonly SchemaAnswer[]) {
  const keywords: Record<string, number> = {};
  for (const each of answers) for (const keyword of each.keywords) keywords[keyword] = (keywords[keyword] ?? 0) + 1;
  const ended = answers.filter(({ hasEnded }) => hasEnded);
  const wrong = ended.filter(({ fault }) => fault !== undefined);
  return {
    schemas: answers.length,
    ended: ended.length,
    valid: ended.length - wrong.length,
    keywords,
    wrong,
    notEnded: answers.filter(({ hasEnded }) => !hasEnded).map((each) => each.schema),
  };
}
