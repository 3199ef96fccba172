import { expect, it } from "vitest";
import { childEnvironment } from "./child-environment.ts";

it("a program gets what every program needs and what it reads itself, in either case, and nothing else", () => {
  const needed = { PATH: "/bin", Path: "C:\\", HOME: "/root", TMPDIR: "/tmp", LANG: "C", LC_ALL: "C", SystemRoot: "C:\\Windows" };
  const own = { TOOL_CACHE: "/cache", https_proxy: "http://proxy" };
  const kept = { OPENAI_API_KEY: "k", AWS_SECRET_ACCESS_KEY: "k", LLM_REDIS_URL: "k", MY_PATH: "k", NOT_TOOL_CACHE: "k", TZ: undefined };
  expect(childEnvironment({ ...needed, ...own, ...kept }, /^(TOOL_.*|HTTPS_PROXY)$/i)).toEqual({ ...needed, ...own });
});
