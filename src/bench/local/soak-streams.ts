import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type Client } from "@connectrpc/connect";
import { ChatRequestSchema, type ChatRequest, type ChatService } from "../../../gen/parley/v1/chat_pb.ts";
import { Role, ToolChoiceMode } from "../../../gen/parley/v1/messages_pb.ts";

type Ask = MessageInitShape<typeof ChatRequestSchema>;

/** What has become of the calls. */
export interface SoakTally {
  readonly calls: number;
  /** Of these, calls that their client left. */
  readonly left: number;
  readonly failed: number;
  readonly tokens: number;
  /** Prompt tokens that were not computed again. */
  readonly cachedTokens: number;
  /** What failed, by kind of call and error. */
  readonly failures: Readonly<Record<string, number>>;
}

/** Calls that run until they are stopped. */
export interface SoakLoad {
  tally(): SoakTally;
  /** Resolves when the last has ended. */
  stop(): Promise<void>;
}

const subjects = ["the sea", "an old clock", "bread", "a fox", "winter", "a bridge", "the moon", "a letter"];
const rules = "You answer briefly and in plain words. ".repeat(12);
const person = JSON.stringify({
  type: "object",
  properties: { name: { type: "string", maxLength: 12 }, age: { type: "integer", minimum: 0, maximum: 120 } },
  required: ["name", "age"],
  additionalProperties: false,
});

const said = (role: Role, text: string) => ({ role, parts: [{ part: { case: "text" as const, value: { text } } }] });
const about = (number: number) => `Tell me about ${subjects[number % subjects.length]}, number ${number}.`;

/** Kinds of calls; each is asked with the number of the call. */
const kinds: Readonly<Record<string, (number: number) => Ask>> = {
  chat: (number) => ({ messages: [said(Role.USER, about(number))], maxTokens: 64 }),
  rules: (number) => ({ messages: [said(Role.SYSTEM, rules), said(Role.USER, about(number))], maxTokens: 48 }),
  turns: (number) => ({
    messages: [
      said(Role.SYSTEM, rules),
      said(Role.USER, about(number % 8)),
      said(Role.ASSISTANT, "Certainly."),
      said(Role.USER, about(number)),
    ],
    maxTokens: 48,
  }),
  choices: (number) => ({ messages: [said(Role.USER, about(number))], maxTokens: 16, choices: 2 }),
  json: (number) => ({
    messages: [said(Role.USER, about(number))],
    maxTokens: 64,
    responseFormat: { format: { case: "jsonSchema", value: { name: "person", schema: person } } },
  }),
  tools: (number) => ({
    messages: [said(Role.USER, about(number))],
    maxTokens: 64,
    tools: [{ tool: { case: "function", value: { name: "remember", description: "Remembers a person.", parameters: person } } }],
    toolChoice: { mode: ToolChoiceMode.REQUIRED },
  }),
  logprobs: (number) => ({ messages: [said(Role.USER, about(number))], maxTokens: 16, topLogprobs: 3 }),
  leaves: (number) => ({ messages: [said(Role.USER, about(number))], maxTokens: 200 }),
};

/** So many calls at once, of all kinds in turn; of the last kind the client leaves after a few words. */
export function soakStreams(client: Client<typeof ChatService>, streams: number): SoakLoad {
  const tally = { calls: 0, left: 0, failed: 0, tokens: 0, cachedTokens: 0, failures: {} as Record<string, number> };
  const stopping = new AbortController();
  let next = 0;
  const names = Object.keys(kinds);
  const fail = (name: string, error: unknown) => {
    const { code, rawMessage } = ConnectError.from(error);
    const what = `${name}: ${Code[code]} ${rawMessage}`;
    tally.failed++;
    tally.failures[what] = (tally.failures[what] ?? 0) + 1;
  };
  const one = async (name: string, request: ChatRequest) => {
    const controller = new AbortController();
    let pieces = 0;
    try {
      for await (const { event } of client.stream(request, { signal: controller.signal })) {
        if (event.case === "text" && ++pieces === 5 && name === "leaves") controller.abort();
        if (event.case !== "completed") continue;
        const { completionTokens = 0, cachedTokens = 0 } = event.value.usage ?? {};
        tally.tokens += completionTokens;
        tally.cachedTokens += cachedTokens;
      }
    } catch (error) {
      if (controller.signal.aborted) tally.left++;
      else fail(name, error);
    }
    tally.calls++;
  };
  const loops = Array.from({ length: streams }, async () => {
    while (!stopping.signal.aborted) {
      const number = next++;
      const name = names[number % names.length]!;
      await one(name, create(ChatRequestSchema, kinds[name]!(number)));
    }
  });
  return {
    tally: () => ({ ...tally, failures: { ...tally.failures } }),
    async stop() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}
