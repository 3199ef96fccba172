import { describe, expect, it } from "vitest";
import { reasonOf } from "../../core/reasons.ts";
import { parseBaseUrl } from "./base-url.ts";

const joined = (baseUrl: string, below: string, kind: "openai" | "anthropic" | "ollama") => {
  const { origin, path } = parseBaseUrl({ baseUrl, name: "up", kind });
  return origin.origin + path(below);
};

describe("a base URL", () => {
  it.each([
    ["https://h", "/chat/completions", "openai", "https://h/v1/chat/completions"],
    ["https://h/", "/chat/completions", "openai", "https://h/v1/chat/completions"],
    ["https://h/v1", "/chat/completions", "openai", "https://h/v1/chat/completions"],
    ["https://h/v1/", "/models", "openai", "https://h/v1/models"],
    ["https://h:8443/api/v1", "/models", "openai", "https://h:8443/api/v1/models"],
    ["https://h/v1beta/openai", "/embeddings", "openai", "https://h/v1beta/openai/embeddings"],
    ["https://h/inference", "/chat/completions", "openai", "https://h/inference/chat/completions"],
    ["https://h", "/v1/messages", "anthropic", "https://h/v1/messages"],
    ["https://h/v1", "/v1/messages", "anthropic", "https://h/v1/messages"],
    ["https://h/proxy", "/v1/messages", "anthropic", "https://h/proxy/v1/messages"],
    ["http://h:11434", "/api/chat", "ollama", "http://h:11434/api/chat"],
    ["http://h:11434/api", "/api/chat", "ollama", "http://h:11434/api/chat"],
    ["http://h:11434/below", "/api/chat", "ollama", "http://h:11434/below/api/chat"],
    ["http://[::1]:8000", "/models", "openai", "http://[::1]:8000/v1/models"],
  ] as const)("%s leads with %s of %s to %s", (...[base, below, kind, expected]) => {
    expect(joined(base, below, kind)).toBe(expected);
  });

  it.each(["h/v1", "ftp://h", "https://user:secret@h", "https://h/v1?key=secret", "https://h/v1#secret"])("is refused: %s", (base) => {
    let error: unknown;
    try {
      parseBaseUrl({ baseUrl: base, name: "up", kind: "openai" });
    } catch (caught) {
      error = caught;
    }
    expect(reasonOf(error)).toBe("invalid_request");
    expect(String(error)).toContain("upstreams.up.baseUrl");
    expect(String(error)).not.toContain("secret");
  });
});
