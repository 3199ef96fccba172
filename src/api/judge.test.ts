import { expect, it } from "vitest";
import type { Caller } from "../core/context.ts";
import { defaultLimits } from "../core/limits.ts";
import { reasonOf } from "../core/reasons.ts";
import { drain } from "./drain.ts";
import { judge } from "./judge.ts";
import { mayManage } from "./may-manage.ts";

const keyless = { tenant: "anonymous", keyId: "", scopes: [], models: undefined };
const keyed = { tenant: "t", keyId: "k", models: undefined };
const callers: readonly Caller[] = [
  { ...keyless, isLoopback: true },
  { ...keyless, isLoopback: false },
  ...[true, false].flatMap((isLoopback) => [["chat"], ["all"], ["admin"], []].map((scopes) => ({ ...keyed, scopes, isLoopback }))),
];

it.each(callers)("what changes the service is judged for $keyId $scopes $isLoopback as its routes judge it", (caller) => {
  const head = { method: "POST", url: "/setModel", headers: {}, socket: { remoteAddress: "203.0.113.1" } };
  const called = { name: "POST /setModel", family: "rest", purpose: "management" } as const;
  const { refusal } = judge(head, called, {
    authenticate: () => caller,
    cors: { isForeignPage: () => false } as unknown as Parameters<typeof judge>[2]["cors"],
    checkHost: () => {},
    drain: drain(),
    limits: defaultLimits,
  });
  expect(refusal && reasonOf(refusal)).toBe(mayManage(caller) ? undefined : "permission_denied");
});
