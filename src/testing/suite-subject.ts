import type { ChatRequest } from "../../gen/parley/v1/chat_pb.ts";
import type { Provider } from "../core/ports.ts";
import { userRequest } from "./sample-request.ts";

/** What the suite needs of a provider. */
export interface SuiteSubject {
  readonly provider: Provider;
  /** Id of a model that it serves now. */
  readonly model: string;
  /** A prompt whose answer is longer than 64 tokens. */
  readonly longPrompt: string;
  /** A request that it cannot serve, though its fields are all supported. */
  readonly impossible: ChatRequest;
  /** Whether waiting and reading of the prompt take time that `progress` can tell of. */
  readonly tellsProgress: boolean;
  /** Whether its API makes one answer to a request at most. */
  readonly hasOneChoice?: boolean;
  /** Frees what the test made beside the provider. */
  cleanUp?(): Promise<void>;
}

/** A request for a long answer, cut after so many tokens. */
export function asking({ longPrompt, model }: SuiteSubject, maxTokens: number, more = {}): ChatRequest {
  return userRequest(longPrompt, { model, maxTokens, ...more });
}
