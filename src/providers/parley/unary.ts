import type { EmbedRequest, EmbedResponse } from "../../../gen/parley/v1/embeddings_pb.ts";
import type { RerankRequest, RerankResponse } from "../../../gen/parley/v1/rerank_pb.ts";
import type { UnaryWork } from "../../core/ports.ts";
import { fault } from "../../core/reasons.ts";
import { once } from "../../core/stream.ts";
import type { Work } from "../../core/work.ts";
import { askOne, type Upstream } from "./call.ts";
import { optionsFor, requestFor } from "./fields.ts";
import { methods, type Method } from "./methods.ts";

/** Everything another Parley does whose answer comes whole. */
export function unaryWork(upstream: Upstream): UnaryWork {
  const { name } = upstream.settings;
  const asks = <Request, Answer>(method: Method<Request, Answer>, given: Given<Request, Answer>): Work<Request, Answer> => {
    return (request, context) =>
      once(async () => {
        const answer = await askOne(upstream, method, { request: given.turn(request), facts: context });
        given.check?.(answer, request);
        return answer;
      });
  };
  const holding = <Request extends { readonly chat?: Parameters<typeof requestFor>[1] | undefined }>() => ({
    turn: (request: Request): Request => (request.chat === undefined ? request : { ...request, chat: requestFor(name, request.chat) }),
  });
  const asIs = <Request>() => ({ turn: (request: Request) => request });
  return {
    countTokens: asks(methods.countTokens, holding()),
    renderPrompt: asks(methods.renderPrompt, holding()),
    tokenize: asks(methods.tokenize, asIs()),
    detokenize: asks(methods.detokenize, asIs()),
    embed: asks(methods.embed, {
      turn: (request) => embedRequest(name, request),
      check: (answer, request) => checkVectors(answer, request, name),
    }),
    rerank: asks(methods.rerank, {
      turn: (request) => ({ ...request, provider: "" }),
      check: (answer, request) => checkResults(answer, request, name),
    }),
    warmPrompt: asks(methods.warmPrompt, asIs()),
  };
}

interface Given<Request, Answer> {
  /** The request as the other one gets it. */
  turn(request: Request): Request;
  /** Throws `provider_malformed`. */
  check?(answer: Answer, request: Request): void;
}

function embedRequest(name: string, request: EmbedRequest): EmbedRequest {
  const { providerOptions, ...rest } = request;
  const options = optionsFor(name, providerOptions);
  return { ...rest, provider: "", ...(options !== undefined && { providerOptions: options }) };
}

/** One vector an input, all of one length, of numbers. */
function checkVectors({ embeddings }: EmbedResponse, { inputs }: EmbedRequest, provider: string): void {
  const length = embeddings[0]?.values.length ?? 0;
  const isWrong =
    embeddings.length !== inputs.length || embeddings.some(({ values }) => values.length !== length || !values.every(Number.isFinite));
  if (isWrong || length === 0)
    throw fault("provider_malformed", `${provider} sent vectors that are not one an input, all of one length`, { provider });
}

/** Each result is about a document that was sent, and no two about the same. */
function checkResults({ results }: RerankResponse, { documents }: RerankRequest, provider: string): void {
  const places = new Set(results.map(({ index }) => index));
  const isWrong = results.some(({ index, score }) => index < 0 || index >= documents.length || !Number.isFinite(score));
  if (isWrong || places.size < results.length)
    throw fault("provider_malformed", `${provider} sent results about documents that nobody sent`, { provider });
}
