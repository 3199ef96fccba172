/** Bodies to begin with, one a procedure: what the page shows, and what tests make wrong bodies of. Models of theirs are there whatever is configured. */
const examples: Readonly<Record<string, object>> = {
  "POST /v1/chat/completions": { model: "echo", messages: [{ role: "user", content: "Say hello." }] },
  "POST /v1/embeddings": { input: ["one", "two"] },
  "POST /v1/rerank": { query: "hello", documents: ["hello world", "something else"] },
  "POST /v1/messages": { model: "echo", max_tokens: 64, messages: [{ role: "user", content: "Say hello." }] },
  "POST /v1/messages/count_tokens": { model: "echo", messages: [{ role: "user", content: "Say hello." }] },
};

/** The example of a procedure, such as `POST /v1/embeddings`; undefined: it has none. */
export function exampleOf(procedure: string): object | undefined {
  return examples[procedure];
}
