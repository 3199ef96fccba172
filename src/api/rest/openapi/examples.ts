const messages = [{ role: "user", content: "Say hello." }];

/** Bodies to begin with, one a procedure: what the page shows, and what tests make wrong bodies of. `echo` is a model wherever Parley runs. */
const examples: Readonly<Record<string, object>> = {
  "POST /v1/chat/completions": { model: "echo", messages },
  "POST /v1/completions": { model: "echo", prompt: "Say hello." },
  "POST /v1/responses": { model: "echo", input: "Say hello." },
  "POST /v1/embeddings": { model: "an-embedding-model", input: ["one", "two"] },
  "POST /v1/rerank": { model: "a-reranking-model", query: "a greeting", documents: ["hello world", "something else"] },
  "POST /v2/rerank": { model: "a-reranking-model", query: "a greeting", documents: ["hello world", "something else"] },
  "POST /rerank": { model: "a-reranking-model", query: "a greeting", texts: ["hello world", "something else"] },
  "POST /tokenize": { model: "a-local-model", content: "Say hello." },
  "POST /detokenize": { model: "a-local-model", tokens: [1, 2, 3] },
  "POST /apply-template": { model: "a-local-model", messages },
  "POST /v1/messages": { model: "echo", max_tokens: 256, messages },
  "POST /v1/messages/count_tokens": { model: "echo", messages },
  "POST /api/chat": { model: "echo", messages, stream: false },
  "POST /api/generate": { model: "echo", prompt: "Say hello.", stream: false },
  "POST /api/embed": { model: "an-embedding-model", input: ["one", "two"] },
  "POST /api/embeddings": { model: "an-embedding-model", prompt: "one" },
  "POST /api/show": { model: "echo" },
  "POST /api/pull": { model: "smollm2-135m-instruct", stream: false },
  "DELETE /api/delete": { model: "a-local-model" },
  "POST /llm": { prompt: "Say hello." },
  "POST /v1/chat": { model: "echo", messages },
  "POST /setModel": { model_name: "a-local-model" },
  "POST /chat/completions": { model: "echo", messages },
  "POST /restore_cache": { model: "a-local-model", messages },
  "POST /invoke": { request_id: "call-1", user_prompt: "Say hello.", model: "echo" },
};

/** The example of a procedure, such as `POST /v1/embeddings`; undefined: it has none. */
export function exampleOf(procedure: string): object | undefined {
  return Object.hasOwn(examples, procedure) ? examples[procedure] : undefined;
}
