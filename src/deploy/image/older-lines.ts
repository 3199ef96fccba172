import { playedAnswer } from "./played-apis.ts";

/** A `docker run` line as an older service's document has it, but for the image's name; and what must answer then. */
export interface OlderLine {
  readonly service: string;
  /** What stands behind `docker run`, and behind the image's name. */
  readonly line: string;
  readonly port: number;
  readonly environment: readonly string[];
  readonly words?: readonly string[];
  /** Name that the model has on the volume; absent: no volume. */
  readonly modelName?: string;
  /** Key that its upstream must be shown. */
  readonly key?: string;
  readonly asks: readonly OlderCall[];
}

/** A call that the service's document shows. */
export interface OlderCall {
  readonly path: string;
  readonly body?: object;
  /** What its answer, a good one, must have in it. */
  readonly says?: string;
}

const health = { path: "/health" };
const chat = { messages: [{ role: "user", content: "Hello" }] };
const upstream = { path: "/v1/chat/completions", body: chat, says: playedAnswer };
const distilled = { ...chat, inference_configs: { max_tokens: 8 } };
const invocation = {
  request_id: "550e8400-e29b-41d4-a716-446655440000",
  user_prompt: "Explain quantum computing in simple terms",
  model: "gpt-4o-mini",
  temperature: 0.7,
  max_tokens: 500,
};

/** Lines of the services that had an image; for the two that had none, the start that their documents show. */
export const olderLines: readonly OlderLine[] = [
  {
    service: "Prism, echo",
    line: "-p 8000:8000 -e LLM_DEFAULT_PROVIDER=echo",
    port: 8000,
    environment: ["LLM_DEFAULT_PROVIDER=echo"],
    asks: [health, { path: "/v1/chat?provider=echo", body: chat, says: "Hello" }],
  },
  {
    service: "Prism, OpenAI",
    line: "-p 8000:8000 -e LLM_DEFAULT_PROVIDER=openai -e LLM_OPENAI_API_KEY=your-key-here",
    port: 8000,
    environment: ["LLM_DEFAULT_PROVIDER=openai", "LLM_OPENAI_API_KEY=your-key-here"],
    key: "your-key-here",
    asks: [health, { ...upstream, path: "/v1/chat" }],
  },
  {
    service: "Prism, Anthropic",
    line: "-p 8000:8000 -e LLM_DEFAULT_PROVIDER=anthropic -e LLM_ANTHROPIC_API_KEY=your-key-here",
    port: 8000,
    environment: ["LLM_DEFAULT_PROVIDER=anthropic", "LLM_ANTHROPIC_API_KEY=your-key-here"],
    key: "your-key-here",
    asks: [health, { ...upstream, path: "/v1/chat" }],
  },
  {
    service: "Intelia",
    line: "-p 8081:8081 -e HUGGINGFACE_API_KEY=hf_xxxxx -e HUGGINGFACE_MODEL=meta-llama/Llama-3.1-8B-Instruct",
    port: 8081,
    environment: ["HUGGINGFACE_API_KEY=hf_xxxxx", "HUGGINGFACE_MODEL=meta-llama/Llama-3.1-8B-Instruct"],
    key: "hf_xxxxx",
    asks: [health, { path: "/v1/models" }, upstream],
  },
  {
    service: "the LangChain service",
    line: "-p 8000:8000 -e OPENAI_API_KEY=your_api_key_here -e REDIS_URL=redis://localhost:6379",
    port: 8000,
    environment: ["OPENAI_API_KEY=your_api_key_here", "REDIS_URL=redis://localhost:6379"],
    key: "your_api_key_here",
    asks: [health, { path: "/invoke", body: invocation, says: playedAnswer }],
  },
  {
    service: "AWA, whose container brings its model",
    line: "-p 8001:8001 -v MODELS:/models",
    port: 8001,
    environment: [],
    modelName: "llama3-q4_K_M.gguf",
    asks: [health, { path: "/llm", body: { prompt: "Say hello.", max_tokens: 8, temperature: 0.7 } }],
  },
  {
    service: "Distiller, with its options",
    line: "-p 8000:8000 -v MODELS:/models parley serve --port 8000 --model-name qwen2.5-3b-instruct-q4_k_m.gguf --log-level info",
    port: 8000,
    environment: [],
    words: ["serve", "--port", "8000", "--model-name", "qwen2.5-3b-instruct-q4_k_m.gguf", "--log-level", "info"],
    modelName: "qwen2.5-3b-instruct-q4_k_m.gguf",
    asks: [health, { path: "/models", says: "qwen2.5-3b-instruct-q4_k_m.gguf" }, { path: "/chat/completions", body: distilled }],
  },
];
