import { expect, it } from "vitest";
import { thrownBy } from "../../testing/thrown-by.ts";
import { messagesFromAnthropic } from "./blocks.ts";

it("words that are none are refused with both of what they may be", () => {
  expect(thrownBy(() => messagesFromAnthropic({ messages: [{ role: "user", content: 5 }] }))).toMatchObject({
    rawMessage: "messages[0].content: must be a string or an array of blocks",
  });
});
