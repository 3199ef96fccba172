/** What a start has to tell. */
export interface BannerFacts {
  readonly name: string;
  readonly version: string;
  readonly urls: readonly string[];
  /** Where probes and metrics answer too; absent: nowhere else. */
  readonly adminUrls?: readonly string[];
  /** What answers when no model is named; undefined when nothing does. */
  readonly defaultModel: string | undefined;
  /** Who answers it; empty when nobody does. */
  readonly defaultProvider: string;
  /** Names of the upstreams. */
  readonly upstreams: readonly string[];
  readonly modelsDirectory: string;
  /** Sentences that must not be missed. */
  readonly notes: readonly string[];
}

/** What a start prints for people, before the ready line. */
export function banner(facts: BannerFacts): string {
  const { name, version, urls, adminUrls = [], defaultModel, defaultProvider, upstreams, modelsDirectory, notes } = facts;
  const [url = ""] = urls;
  const body = '{"messages":[{"role":"user","content":"Why is the sky blue?"}]}';
  const rows: (readonly [string, string])[] = [
    ["serves", urls.join(", ")],
    ...(adminUrls.length === 0 ? [] : [["probes", `${adminUrls.join(", ")}, with /metrics`] as const]),
    ["model", defaultModel === undefined ? "none: name one in each request" : `${defaultModel}, by ${defaultProvider || "nobody yet"}`],
    ...(upstreams.length === 0 ? [] : [["behind", `${upstreams.join(", ")}; ask for a model of one as ${upstreams[0]}/MODEL`] as const]),
    ["ask", `curl ${url}/v1/chat/completions -H 'content-type: application/json' -d '${body}'`],
    ["", `gRPC, gRPC-Web, Connect and OpenAI's REST answer on the same port; any OpenAI client works with base_url ${url}/v1`],
    ["add", `drop a *.gguf into ${modelsDirectory}, or see \`parley models --help\``],
    ["stop", "Ctrl-C"],
  ];
  const lines = rows.map(([label, text]) => row(label, text));
  return [`${name} ${version}`, ...notes.map((note) => `  note    ${note}`), ...lines, ""].join("\n");
}

/** What is added to it once it is known: what computes. */
export function gpuLine(what: string): string {
  return `${row("gpu", what)}\n`;
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(7)} ${text}`;
}

/** The line that programs wait for; it names the first url. */
export function readyLine(urls: readonly string[]): string {
  return `parley ready at ${urls[0] ?? ""}`;
}
