import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify, stripVTControlCharacters } from "node:util";
import { authority } from "../testing/certificates.ts";
import { keysIn, madeKey } from "../testing/key-file.ts";
import { startTestServer } from "../testing/test-server.ts";
import { languages, root, type Language, type Step } from "./languages.ts";

/*
 * `npm run clients`: has the example programs of other languages call every RPC of a running service, without a key, and with one over TLS, and compares what they
 * print. A language whose tool is not here is named; so is one that fails, and then this fails.
 */

const execute = promisify(execFile);

/** What each program prints, but for the case of letters and for underscores: names of an enum are written in each language's own way. */
const expected = `
Chat: one two three
Stream: one two three
ListModels: echo, encoder, ranker, spare, tiny
GetModel: tiny
LoadModel: MODEL_STATE_READY
WarmPrompt: 25 tokens
SetDefaultModel: tiny
Tokenize: 9 tokens
Detokenize: one two three
CountTokens: 25 tokens
RenderPrompt: 63 characters
Embed: 2 vectors of 8
Rerank: 2 results
ListProviders: echo, llama-cpp
PullModel: NOT_FOUND
UnloadModel: tiny
DeleteModel: 443264 bytes
Check: SERVING
Watch: SERVING
List: SERVING
`;

/** What a service must have for that. */
const served = { models: { tiny: {}, spare: {} }, encoders: { encoder: {}, ranker: { ranks: true } } };

// Maven colours even where it is told not to.
const plain = (text: string) => stripVTControlCharacters(text).trim().toLowerCase().replaceAll("_", "").replaceAll("\r", "");

const results: { readonly name: string; readonly isWhole: boolean | undefined }[] = [];
for (const language of languages) {
  const startedMs = performance.now();
  const isWhole = (await isThere(language.tool)) ? await check(language) : undefined;
  results.push({ name: language.name, isWhole });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  const words = {
    true: `answers plainly, and with a key over TLS (${seconds} s)`,
    false: `FAILED (${seconds} s)`,
    undefined: `skipped: there is no ${language.tool}`,
  };
  console.log(`${language.name}: ${words[`${isWhole}`]}`);
}
const count = (wanted: boolean | undefined) => results.filter(({ isWhole }) => isWhole === wanted).length;
console.log(`clients: ${count(true)} passed, ${count(false)} failed, ${count(undefined)} skipped`);
process.exit(count(false) === 0 ? 0 : 1);

async function isThere(tool: string): Promise<boolean> {
  return execute("sh", ["-c", `command -v ${tool}`]).then(
    () => true,
    () => false,
  );
}

/** Prepares one language's program and runs it against a fresh service: it deletes a model. */
async function check({ prepare, files = {}, call, prints = expected }: Language): Promise<boolean> {
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(root, path, ".."), { recursive: true });
      await writeFile(join(root, path), text);
    }
    for (const step of prepare) await run(step);
    for (const calling of [callingPlainly, callingSecurely]) {
      const printed = await calling(call);
      if (plain(printed) === plain(prints)) continue;
      console.log(`${calling.name} it printed:\n${printed}\ninstead of:\n${prints}`);
      return false;
    }
    return true;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    console.log(stdout, stderr, error instanceof Error ? error.message : error);
  }
  return false;
}

async function callingPlainly(call: Language["call"]): Promise<string> {
  const server = await startTestServer(served);
  try {
    return await run(call(`127.0.0.1:${server.port}`));
  } finally {
    await server.close();
  }
}

/** With a certificate that only its own authority's is good for, and a key without which nothing answers. */
async function callingSecurely(call: Language["call"]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "parley-clients-"));
  try {
    const ours = authority("clients");
    const { certificate, key } = ours.issue(["localhost"]);
    const [certFile, keyFile, caFile] = ["tls.crt", "tls.key", "ca.pem"].map((name) => join(folder, name)) as [string, string, string];
    await Promise.all([writeFile(certFile, certificate), writeFile(keyFile, key), writeFile(caFile, ours.certificate)]);
    const shown = await madeKey(keysIn(folder), { scopes: ["admin"] });
    const config = { http: { tls: { certFile, keyFile } } };
    const server = await startTestServer({ ...served, config, environment: { LLM_DATA_DIR: folder } });
    try {
      const step = call(`localhost:${server.port}`);
      return await run({ ...step, environment: { ...step.environment, PARLEY_CA: caFile, PARLEY_API_KEY: shown } });
    } finally {
      await server.close();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Runs a program to its end, and answers what it printed. Throws when it fails. */
async function run({ words: [name, ...words], folder = ".", environment = {} }: Step): Promise<string> {
  const env = { ...process.env, ...environment };
  const { stdout } = await execute("nice", [name, ...words], { cwd: join(root, folder), env, maxBuffer: 2 ** 26 });
  return stdout;
}
