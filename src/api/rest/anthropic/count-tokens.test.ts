import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { CountTokensRequestSchema } from "../../../../gen/parley/v1/tokens_pb.ts";
import { callContext } from "../../../core/context.ts";
import { reasonOf } from "../../../core/reasons.ts";
import { only } from "../../../core/stream.ts";
import { countTokensKind } from "../../../core/unary-kinds.ts";
import { testCall } from "../../../testing/call-context.ts";
import { failureOf } from "../../../testing/collect-events.ts";
import { userRequest } from "../../../testing/sample-request.ts";
import { serviceWith, upstreamFor } from "../../../testing/upstream-service.ts";

/** A service whose one model is remote, and counts nothing. */
async function remoteService() {
  const { url } = await upstreamFor();
  const service = await serviceWith({}, { upstreams: [{ name: "a", kind: "vllm", baseUrl: `${url}/v1` }] });
  const calls = () => service.log.filter(({ message }) => message === "call");
  const count = (body: object) =>
    fetch(`${service.url}/v1/messages/count_tokens`, {
      method: "POST",
      headers: { "content-type": "application/json", "anthropic-version": "2023-06-01" },
      body: JSON.stringify({ model: "a/m", messages: [{ role: "user", content: "how many are these?" }], ...body }),
    });
  return { ...service, calls, count };
}

it("an estimate where nobody counts is a call that went well, in the answer, the log and the metrics", async () => {
  const { url, calls, count } = await remoteService();
  const response = await count({});
  expect([response.status, await response.json()]).toEqual([200, { input_tokens: 9, estimated: true }]);
  expect(calls()).toMatchObject([{ level: "info", facts: { operation: "count_tokens", status: "ok", usage: "estimated" } }]);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toMatch(/^llm_requests_total\{provider="none",model="none",status="ok"\} 1$/m);
  expect(metrics).not.toMatch(/^llm_errors_total\{/m);
});

it("what no estimate stands for is refused as ever: a request that is wrong, and a model that is not there", async () => {
  const { count } = await remoteService();
  expect([(await count({ messages: [] })).status, (await count({ model: "nobody" })).status]).toEqual([400, 404]);
});

it("who asks in another way for a count is told that there is none", async () => {
  const { service } = (await remoteService()).server;
  const request = create(CountTokensRequestSchema, { chat: userRequest("how many?", { model: "a/m" }) });
  const counting = async () => only(service.countTokens(request, callContext(testCall(), countTokensKind, request)));
  expect(reasonOf(await failureOf(counting()))).toBe("unimplemented");
});
