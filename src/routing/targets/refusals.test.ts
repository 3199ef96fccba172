import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { SamplingSchema } from "../../../gen/parley/v1/sampling_pb.ts";
import { fakeClock } from "../../testing/fake-clock.ts";
import { userRequest } from "../../testing/sample-request.ts";
import { asksFor, Refusals } from "./refusals.ts";

const asking = (temperature: number) => userRequest("hi", { sampling: create(SamplingSchema, { temperature }) });
const fieldsOf = (refusals: Refusals) => refusals.all().map(({ field, value }) => [field, value]);

it("remembers a refused value for five minutes from when it was told last", () => {
  const clock = fakeClock();
  const refusals = new Refusals(clock);
  refusals.note("sampling.temperature", asking(0.2));
  clock.advance(200_000);
  refusals.note("sampling.temperature", asking(0.2));
  clock.advance(299_999);
  expect(fieldsOf(refusals)).toEqual([["sampling.temperature", 0.2]]);
  clock.advance(1);
  expect(fieldsOf(refusals)).toEqual([]);
});

it("knows nothing of other values, nor of a field that was not there", () => {
  const refusals = new Refusals(fakeClock());
  refusals.note("sampling.temperature", asking(0.2));
  refusals.note("sampling.top_p", asking(0.2));
  const [known, ...others] = refusals.all();
  expect(others).toEqual([]);
  expect([asksFor(asking(0.2), known!), asksFor(asking(0.3), known!), asksFor(userRequest("hi"), known!)]).toEqual([true, false, false]);
});

it("knows a whole message by its name alone", () => {
  const refusals = new Refusals(fakeClock());
  refusals.note("sampling", asking(0.2));
  const [known] = refusals.all();
  expect([asksFor(asking(0.9), known!), asksFor(userRequest("hi"), known!)]).toEqual([true, false]);
});

it("remembers the last sixteen of a target", () => {
  const refusals = new Refusals(fakeClock());
  for (let each = 0; each < 20; each++) refusals.note("sampling.temperature", asking(each));
  expect(fieldsOf(refusals).map(([, value]) => value)).toEqual(Array.from({ length: 16 }, (_, index) => index + 4));
});
