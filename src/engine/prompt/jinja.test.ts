import { describe, expect, it, vi } from "vitest";
import { renderingMs } from "./interpreter.ts";
import { inTime, maxTemplateLength, template, TemplateProblem } from "./jinja.ts";

// What is stopped by the clock takes its time, and the machine may be busy.
vi.setConfig({ testTimeout: 60_000 });

const written = (text: string, variables: Readonly<Record<string, unknown>> = {}) => template(text).render(variables);
const problemOf = (text: string, variables: Readonly<Record<string, unknown>> = {}): TemplateProblem => {
  try {
    written(text, variables);
  } catch (error) {
    if (error instanceof TemplateProblem) return error;
    throw error;
  }
  throw new Error("it wrote something");
};

describe("a template that would not end", () => {
  const nested = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}";

  it.each([
    ["loops inside of loops", nested],
    [
      "loops that write nothing",
      "{% set n = namespace(x=0) %}{% for a in range(99999) %}{% for b in range(99999) %}{% set n.x = n.x + b %}{% endfor %}{% endfor %}",
    ],
    ["macros that call themselves twice", "{% macro f(n) %}{% if n > 0 %}{{ f(n - 1) ~ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}"],
  ])("is stopped by the deadline: %s", (_name, text) => {
    const begun = process.threadCpuUsage();
    expect(problemOf(text)).toMatchObject({ message: expect.stringMatching(/it took .* and was stopped/), kind: "limit" });
    const { user, system } = process.threadCpuUsage(begun);
    expect((user + system) / 1000).toBeLessThan(renderingMs * 2);
    // The next one has an account of its own.
    expect(written("{{ 'fine' }}")).toBe("fine");
  });

  it("is stopped whatever keeps it, also where no step is counted", () => {
    const endless = () => {
      for (;;);
    };
    expect(() => inTime(endless, 50)).toThrow("it took too long and was stopped");
    expect(inTime(() => "fine", 50)).toBe("fine");
  });

  it("is stopped when it calls itself", () => {
    expect(problemOf("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}")).toBeInstanceOf(TemplateProblem);
  });

  it.each([
    [
      "a text that doubles",
      "{% set n = namespace(x='abcdefgh') %}{% for i in range(99999) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x|upper }}",
    ],
    [
      "a list that doubles",
      "{% set n = namespace(x=[1, 2]) %}{% for i in range(99999) %}{% set n.x = n.x + n.x %}{% endfor %}{{ n.x|length }}",
    ],
    [
      "lists that are kept",
      "{% set n = namespace(x=[]) %}{% set r = range(99999)|list %}{% for i in range(99999) %}{% set n.x = n.x + [r + r] %}{% endfor %}",
    ],
    [
      "texts that are kept",
      "{% set n = namespace(x=[], t='a' * 9000000) %}{% for i in range(99999) %}{% set n.x = n.x + [n.t|upper] %}{% endfor %}",
    ],
    ["a text that is repeated", "{{ 'a' * 999999999 }}"],
    ["a text that is replaced", "{% set t = 'a' * 9000 %}{{ t|replace('a', t) }}"],
    ["an endless range", "{{ range(99999999999)|length }}"],
    ["a range that never comes to its end", "{{ range(0, 9, 0)|length }}"],
    ["a deep indent", "{{ 'a'|indent(999999999, true) }}"],
  ])("is stopped before it fills the memory: %s", (_name, text) => {
    const before = process.memoryUsage().rss;
    expect(problemOf(text)).toBeInstanceOf(TemplateProblem);
    expect(process.memoryUsage().rss - before).toBeLessThan(1024 * 1024 * 1024);
  });

  it("is not even read when it is longer than any", () => {
    expect(problemOf(" ".repeat(maxTemplateLength + 1)).message).toContain(String(maxTemplateLength));
    expect(problemOf("{{" + "(".repeat(100_000))).toBeInstanceOf(TemplateProblem);
  });
});

describe("a template", () => {
  it("has nothing of the program it runs in", () => {
    for (const text of [
      "{{ messages.constructor }}",
      "{{ ''.constructor.constructor('return process')() }}",
      "{{ raise_exception.constructor }}",
      "{{ range.__proto__ }}",
      "{{ process }}",
      "{{ messages['__proto__'] }}",
      "{{ namespace.caller }}",
    ]) {
      const made = (() => {
        try {
          return written(text, { messages: {} });
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateProblem);
          return "";
        }
      })();
      expect(made).toBe("");
    }
  });

  it("refuses in its own words, in one line and no more than a few of them", () => {
    const problem = problemOf("{{ raise_exception('no\n\nway ' + long) }}", { long: "x".repeat(10_000) });
    expect(problem.kind).toBe("refusal");
    expect(problem.message).toMatch(/^no way x+…$/);
    expect(problem.message.length).toBeLessThan(400);
    expect(problemOf("{{ x.y() }}", { x: {} }).kind).toBe("fault");
    expect(problemOf("{% if %}").kind).toBe("fault");
  });

  // What Python's Jinja writes.
  it.each([
    [
      "undefined names are empty lists and texts",
      "[{% for x in missing %}{{ x }}{% endfor %}{{ 'a' ~ missing }}{{ missing|length }}{{ 1 in missing }}]",
      "[a0false]",
    ],
    [
      "an undefined name is in no list",
      "{% if missing in ('a', 'b') or missing in {'a': 1} %}in{% elif missing not in ['a'] %}out{% endif %}",
      "out",
    ],
    ["tuples are unpacked", "{% for a, b in [('x', 1), ('y', 2)] %}{{ a }}{{ b }}{% endfor %}", "x1y2"],
    [
      "keys may be numbers",
      "{% set d = {512: 'b', 0: 'a', 1024: 'c'} %}{% for k, v in d|dictsort %}{{ v }}{% if 500 <= k %}!{% endif %}{% endfor %}{{ d[512] }}",
      "ab!c!b",
    ],
    ["texts have characters", "{% for c in 'aé' %}[{{ c }}]{% endfor %}", "[a][é]"],
    [
      "what is stripped may be said",
      "{{ '\n\na b\n'.strip('\n') }}|{{ '--a--'.lstrip('-') }}|{{ '--a--'.rstrip('-') }}|{{ ' a '.strip() }}",
      "a b|a--|--a|a",
    ],
    [
      "texts are formatted, split and repeated",
      "{{ '{}-{}'.format('a', 1) }} {{ 'a,b,c'.rsplit(',', 1)[0] }} {{ 'ab' * 2 }} {{ [3, 1, 2]|min }}{{ [3, 1, 2]|max }}",
      "a-1 a,b abab 13",
    ],
    ["lists grow and shrink", "{% set l = ['a'] %}{% set _ = l.append('b') %}{{ l.pop(0) }}{{ l|length }}", "a1"],
    ["filters take lists as texts", "{{ ['a', 'b']|upper }} {{ {'a': 1}|string }}", '["A", "B"] {"a": 1}'],
    ["times are written", "{{ strftime_now('%Y')|length }} {{ strftime_now('%-d')|int > 0 }} {{ strftime_now('%Q%%') }}", "4 true %Q%"],
  ])("is understood as Python's Jinja does: %s", (_name, text, expected) => {
    expect(written(text)).toBe(expected);
  });

  it("tells the names it asks for, and not those in its comments", () => {
    const { names, words } = template("{# think #}{% if enable_thinking %}{{ message.reasoning_content ~ m['thinking'] }}{% endif %}");
    expect([names.has("enable_thinking"), words.has("reasoning_content"), words.has("thinking")]).toEqual([true, true, true]);
    expect([names.has("think"), names.has("reasoning_content"), words.has("enable_thinking")]).toEqual([false, false, false]);
  });
});
