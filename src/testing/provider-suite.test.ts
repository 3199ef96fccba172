import { echo } from "../providers/echo.ts";
import { providerSuite } from "./provider-suite.ts";
import { create } from "@bufbuild/protobuf";
import { ChatRequestSchema } from "../../gen/parley/v1/chat_pb.ts";

const longPrompt = Array.from({ length: 100 }, (_, index) => `word${index}`).join(" ");

providerSuite("echo", async () => ({
  provider: echo(),
  model: "echo",
  longPrompt,
  impossible: create(ChatRequestSchema, { model: "echo" }),
  tellsProgress: false,
}));
