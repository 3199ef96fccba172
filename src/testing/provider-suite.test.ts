import { create } from "@bufbuild/protobuf";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";
import { echo } from "../providers/echo.ts";
import { providerSuite } from "./provider-suite.ts";
import { userRequest } from "./sample-request.ts";
import { tinyProvider } from "./tiny-provider.ts";

const longPrompt = Array.from({ length: 100 }, (_, index) => `word${index}`).join(" ");

providerSuite("echo", async () => ({
  provider: echo(),
  model: "echo",
  longPrompt,
  impossible: create(ChatRequestSchema, { model: "echo" }),
  tellsProgress: false,
}));

providerSuite("llama-cpp", async () => {
  const { provider, library } = await tinyProvider({ load: { contextLength: 1024 } });
  await library.add("tiny");
  return {
    provider,
    model: "tiny",
    longPrompt,
    // More tokens than the model has context.
    impossible: userRequest("a b c ".repeat(4000), { model: "tiny" }),
    tellsProgress: true,
    cleanUp: () => library.close(),
  };
});
