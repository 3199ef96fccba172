import { vi } from "vitest";
import { providerSuite } from "../../testing/provider-suite.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { tinyProvider } from "../../testing/tiny-provider.ts";

// Processes are started, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

providerSuite("llama-cpp", async () => {
  const tiny = await tinyProvider();
  await tiny.library.add("tiny");
  return {
    provider: tiny.provider,
    model: "tiny",
    longPrompt: "tell me all",
    impossible: userRequest("too long ".repeat(200), { model: "tiny" }),
    tellsProgress: true,
    cleanUp: () => tiny.library.close(),
  };
});
