import type Anthropic from "@anthropic-ai/sdk";
import { expectTypeOf, it } from "vitest";
import type { ErrorBody } from "./errors.ts";
import type { MessageDelta, MessageEvent, MessageStart } from "./events.ts";
import type { ContentBlock, Message } from "./message.ts";
import type { ModelInfo, ModelPage } from "./models.ts";
import type { DeltaUsage, TokenCount, Usage } from "./usage.ts";

// What Anthropic publishes of its answers are the types of its own client, made from its description: ours have every key of them, with a value of its type.

it("answers are what Anthropic publishes", () => {
  expectTypeOf<Message>().toExtend<Anthropic.Message>();
  expectTypeOf<ContentBlock>().toExtend<Anthropic.ContentBlock>();
  expectTypeOf<Usage>().toExtend<Anthropic.Usage>();
  expectTypeOf<TokenCount>().toExtend<Anthropic.MessageTokensCount>();
  expectTypeOf<ModelInfo>().toExtend<Anthropic.ModelInfo>();
  expectTypeOf<keyof ModelPage>().toEqualTypeOf<"data" | "has_more" | "first_id" | "last_id">();
});

it("events are what Anthropic publishes, and pings and errors beside", () => {
  expectTypeOf<MessageStart>().toExtend<Anthropic.RawMessageStartEvent>();
  expectTypeOf<MessageDelta>().toExtend<Anthropic.RawMessageDeltaEvent>();
  expectTypeOf<DeltaUsage>().toExtend<Anthropic.MessageDeltaUsage>();
  expectTypeOf<Exclude<MessageEvent, { type: "ping" } | ErrorBody>>().toExtend<Anthropic.RawMessageStreamEvent>();
});
