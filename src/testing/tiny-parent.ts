import { testContext } from "./call-context.ts";
import { userRequest } from "./sample-request.ts";
import { tinyProvider } from "./tiny-provider.ts";

// A program that runs a tiny model and writes the pid of its engine once it answers: for tests of what becomes of an engine without its parent.
const tiny = await tinyProvider({ load: { contextLength: 2048 } });
await tiny.library.add("tiny");
for (;;) {
  const request = userRequest("hello", { model: "tiny", maxTokens: 1900 });
  for await (const { event } of tiny.provider.generate(request, testContext(request))) {
    if (event.case === "started") process.stdout.write(`${tiny.pidOf("tiny")}\n`);
  }
}
