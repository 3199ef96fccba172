import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { stringify } from "yaml";
import { reasons } from "../../core/reasons.ts";
import { startTestServer } from "../../testing/test-server.ts";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { run } from "../programs.ts";
import { goldenOf, objectsIn } from "./helm.ts";
import { describeWithTools } from "./scene.ts";
import { promtool } from "./tools.ts";

vi.setConfig({ testTimeout: 120_000 });

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly annotations?: { readonly summary?: string; readonly action?: string };
}

interface RuleGroup {
  readonly name: string;
  readonly rules: readonly Rule[];
}

const rule = objectsIn(readFileSync(goldenOf("scaled"), "utf8")).find(({ kind }) => kind === "PrometheusRule");
const { groups } = (rule?.["spec"] ?? { groups: [] }) as { readonly groups: readonly RuleGroup[] };
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.filter(({ alert }) => alert !== undefined);

/** What every series of the release carries. */
const own = 'namespace="llm",service="parley-headless"';

/** Series that stay as they are, or grow by as much each minute: promtool's notation. */
const series = (name: string, labels: string, values: string) => ({ series: `${name}{${own},${labels}}`, values });

const up = series("up", 'pod="a"', "1x400");

interface Trial {
  readonly name: string;
  readonly input: readonly { readonly series: string; readonly values: string }[];
  /** Alerts that fire after two hours; all others do not. */
  readonly fires: readonly string[];
}

const calls = (status: string, perMinute: number) =>
  series("llm_requests_total", `provider="openai",model="m",pod="a",status="${status}"`, `0+${perMinute}x400`);

const trials: readonly Trial[] = [
  { name: "nothing where all is well", input: [up, calls("ok", 1000), calls("provider_error", 1)], fires: [] },
  {
    name: "nothing for what callers do wrong",
    input: [up, calls("ok", 100), calls("invalid_request", 900), calls("unauthenticated", 900)],
    fires: [],
  },
  {
    name: "the budget of failures",
    input: [up, calls("ok", 800), calls("provider_timeout", 200)],
    fires: ["ParleyFails", "ParleyFailsFast", "ParleyFailsSlowly"],
  },
  { name: "a slow leak of it", input: [up, calls("ok", 980), calls("engine_failed", 10)], fires: ["ParleyFailsSlowly"] },
  { name: "a long queue", input: [up, series("llm_queue_depth", 'pod="a",model="m"', "40x400")], fires: ["ParleyQueueLong"] },
  {
    name: "engines that end again and again",
    input: [up, series("llm_engine_restarts_total", 'pod="a",model="m",reason="crash"', "0+1x400")],
    fires: ["ParleyEngineRestarts"],
  },
  {
    name: "engines that ended before anybody had read how often",
    input: [up, series("llm_engine_restarts_total", 'pod="a",model="m",reason="crash"', "_x115 3x285")],
    fires: ["ParleyEngineRestarts"],
  },
  {
    name: "a circuit breaker that opened before anybody had read how often",
    input: [up, series("llm_route_circuit_changes_total", 'pod="a",provider="openai",model="m",state="open"', "_x115 3x285")],
    fires: ["ParleyCircuitOpens"],
  },
  {
    name: "an upstream that fails, and another that stands in",
    input: [
      up,
      series("llm_route_circuit_changes_total", 'pod="a",provider="openai",model="m",state="open"', "0+1x400"),
      series("llm_route_fallbacks_total", 'pod="a",provider="lan",model="m",reason="provider_error"', "0+5x400"),
    ],
    fires: ["ParleyCircuitOpens", "ParleyFallbackServes"],
  },
  {
    name: "a key that is refused",
    input: [up, series("llm_route_retired_keys_total", 'pod="a",provider="openai",model="m"', "0x100 1x300")],
    fires: ["ParleyKeyRetired"],
  },
  {
    name: "the first key of a pod that is refused, of which there was no series before",
    input: [up, series("llm_route_retired_keys_total", 'pod="a",provider="openai",model="m"', "_x100 1x300")],
    fires: ["ParleyKeyRetired"],
  },
  {
    name: "nothing for keys and engines of long ago, read again after a gap",
    input: [
      up,
      series("llm_route_retired_keys_total", 'pod="a",provider="openai",model="m"', "1x30 _x60 1x300"),
      series("llm_engine_restarts_total", 'pod="a",model="m",reason="crash"', "5x60 _x55 5x300"),
    ],
    fires: [],
  },
  {
    name: "a busy event loop",
    input: [up, series("nodejs_eventloop_lag_p99_seconds", 'pod="a"', "0.5x400")],
    fires: ["ParleyEventLoopSlow"],
  },
  {
    name: "slow first tokens, and slow ones after them",
    input: [
      up,
      ...["llm_time_to_first_token_seconds", "llm_time_per_output_token_seconds"].flatMap((name) => [
        series(`${name}_bucket`, 'pod="a",provider="local",model="m",le="5"', "0+1x400"),
        series(`${name}_bucket`, 'pod="a",provider="local",model="m",le="20"', "0+100x400"),
        series(`${name}_bucket`, 'pod="a",provider="local",model="m",le="+Inf"', "0+100x400"),
      ]),
    ],
    fires: ["ParleyFirstTokenSlow", "ParleyTokensSlow"],
  },
  { name: "no pod at all", input: [series("up", 'pod="a"', "0x400")], fires: ["ParleyDown"] },
];

describe("the chart's alerts", () => {
  it("ask for metrics that the service exports", async () => {
    const server = await startTestServer();
    const text = await (await fetch(`${server.url}/metrics`)).text();
    await server.close();
    const exported = new Set([...text.matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name));
    const asked = rules.flatMap(({ expr }) =>
      [...expr.matchAll(/\b((?:llm|nodejs)_\w+)\{/g)].map(([, name = ""]) => name.replace(/_bucket$/, "")),
    );
    expect([...new Set(asked)].filter((name) => !exported.has(name))).toEqual([]);
    expect(new Set(asked).size).toBeGreaterThan(8);
  });

  it("count as failures every reason that is an upstream's fault or ours, and what was refused for want of room", () => {
    const [, counted = ""] = /status=~"([^"]+)"/.exec(rules[0]?.expr ?? "") ?? [];
    const faults = Object.entries(reasons).flatMap(([reason, row]) => (["provider", "parley"].includes(row.fault) ? [reason] : []));
    const room = ["queue_full", "queue_timeout", "overloaded", "time_limit", "model_too_large"];
    expect(counted.split("|").toSorted()).toEqual([...faults, ...room].toSorted());
  });

  it("say what it is and what to do, and stand on the operator's page", () => {
    const page = readFileSync(join(import.meta.dirname, "../../../helm/OPERATING.md"), "utf8");
    for (const { alert = "", annotations } of alerts) {
      expect(annotations?.summary, alert).toBeTruthy();
      expect(annotations?.action?.length, alert).toBeGreaterThan(40);
      expect(page).toContain(`| \`${alert}\``);
    }
  });
});

describeWithTools("the chart's alerts by promtool", [await promtool()], ([path = ""]) => {
  it("are good rules", async () => {
    const folder = await temporaryFolder();
    writeFileSync(join(folder, "rules.yaml"), stringify({ groups }));
    expect(await run(path, ["check", "rules", join(folder, "rules.yaml")])).toContain(`SUCCESS: ${rules.length} rules found`);
  });

  it.each(trials)("fire for $name", async ({ input, fires }) => {
    const folder = await temporaryFolder();
    mkdirSync(folder, { recursive: true });
    // What an alert says is its own business: only its name is looked at.
    const bare = groups.map((group) => ({
      ...group,
      rules: group.rules.map((one) => ({
        ...one,
        ...(one.alert !== undefined && { annotations: {}, labels: {}, expr: `count(${one.expr})` }),
      })),
    }));
    writeFileSync(join(folder, "rules.yaml"), stringify({ groups: bare }));
    const expected = alerts.map(({ alert = "" }) => ({
      eval_time: "2h",
      alertname: alert,
      exp_alerts: fires.includes(alert) ? [{ exp_labels: {} }] : [],
    }));
    const tests = [{ interval: "1m", input_series: input, alert_rule_test: expected }];
    writeFileSync(join(folder, "tests.yaml"), stringify({ rule_files: ["rules.yaml"], evaluation_interval: "1m", tests }));
    expect(await run(path, ["test", "rules", join(folder, "tests.yaml")])).toContain("SUCCESS");
  });
});
