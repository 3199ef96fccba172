import { Command } from "commander";
import { loadConfig } from "../config.ts";
import { systemClock } from "../core/clock.ts";
import { scopes } from "../core/keys.ts";
import { fault } from "../core/reasons.ts";
import { createKey, listKeys, revokeKey, type KeyStore, type KeyWish } from "../keys/key-store.ts";
import type { StoredKey } from "../keys/stored-key.ts";
import type { Host } from "./host.ts";
import { expiryFrom, keyTableText, keyText, withoutSecrets } from "./keys-text.ts";

/** What a new key is to be, as typed. */
interface CreateFlags {
  readonly tenant?: string;
  readonly scope?: readonly string[];
  readonly model?: readonly string[];
  readonly concurrency?: string;
  readonly maxTokens?: string;
  readonly expires?: string;
  readonly parent?: string;
  readonly note?: string;
}

interface Flags {
  readonly config?: string;
  readonly json?: boolean;
}

const examples = `
Examples:
  parley keys create                                       may do everything but manage models
  parley keys create --scope admin --note "the operator"   may do everything
  parley keys create --tenant team-a --scope chat --scope models --model smollm2-135m-instruct --expires 30d
  parley keys create --parent key_3fa1c2d4 --scope chat    allows no more than its parent, and is revoked with it
  parley keys list
  parley keys revoke key_3fa1c2d4

Scopes: ${Object.entries(scopes)
  .map(([word, what]) => `${word} (${what})`)
  .join(", ")};
or names of services, RPCs and routes, such as parley.v1.ChatService, parley.v1.ChatService/Stream, "POST /v1/chat/completions".
A key is shown once, alone on standard output; the file (LLM_API_KEYS_FILE, else keys/keys.json in the data folder) has
its hash. A running service reads the file again by itself. As soon as the file is there, whoever calls must show a key.`;

/** `parley keys`; `done` is told the exit code. */
export function keysCommand(host: Host, done: (exitCode: number) => void): Command {
  const keys = new Command("keys").description("create, list and revoke the keys of callers").addHelpText("after", examples);
  const add = (command: Command, work: (store: KeyStore, flags: Flags, args: readonly string[]) => Promise<void>) => {
    command.option("--json", "print JSON").option("--config <file>", "configuration, YAML or JSON");
    command.action(async () => {
      const flags = command.opts<Flags>();
      await work(await storeOf(flags, host), flags, command.args);
      done(0);
    });
    keys.addCommand(command);
  };
  const repeated = (value: string, before: readonly string[] = []) => [...before, value];
  const create = new Command("create")
    .description("make a key and show it this once")
    .option("--tenant <name>", "whose data it is over: nothing is shared between tenants (default: default)")
    .option("--scope <name>", "what it allows; may be repeated (default: all)", repeated)
    .option("--model <id>", "a model that it allows, by id or alias; may be repeated (default: every model)", repeated)
    .option("--concurrency <number>", "calls at once (default: no limit of its own)")
    .option("--max-tokens <number>", "new tokens of one call (default: no limit of its own)")
    .option("--expires <time>", "an instant such as 2027-01-31T00:00:00Z, or from now, such as 12h or 30d (default: never)")
    .option("--parent <id>", "a key that allows no less and ends no sooner")
    .option("--note <text>", "a note for people");
  add(create, (store, flags) => createOne(store, { ...flags, ...create.opts<CreateFlags>() }, host));
  add(new Command("list").description("the keys that there are, without the keys themselves"), (store, flags) => list(store, flags, host));
  add(new Command("revoke").description("take a key back").argument("<id>"), (store, flags, [id = ""]) =>
    revoke(store, { ...flags, id }, host),
  );
  return keys;
}

/** The modules are loaded late: what names may be scopes stands with the doors. */
async function storeOf({ config }: Flags, { variables, err }: Host): Promise<KeyStore> {
  // Whatever address the service is to listen on, its first key may be made.
  const loaded = loadConfig({ file: config, environment: variables, flags: { host: "127.0.0.1" } });
  for (const warning of loaded.warnings) err.write(`parley: ${warning}\n`);
  const { keyStoreOf } = await import("../service-keys.ts");
  return keyStoreOf(loaded);
}

async function createOne(store: KeyStore, flags: CreateFlags & Flags, { out, err }: Host): Promise<void> {
  const nowMs = systemClock.now();
  const { key, stored } = await createKey(store, wishOf(flags, nowMs), nowMs);
  if (flags.json === true) return void out.write(`${JSON.stringify({ key, ...withoutSecrets(stored) })}\n`);
  out.write(`${key}\n`);
  err.write(`${keyText(stored)}\nIt is shown this once; ${store.file} has its hash.\n`);
}

function wishOf({ tenant, scope, model, concurrency, maxTokens, expires, parent, note }: CreateFlags, nowMs: number): KeyWish {
  const limits = {
    ...(concurrency !== undefined && { concurrency: countFrom("--concurrency", concurrency) }),
    ...(maxTokens !== undefined && { maxTokens: countFrom("--max-tokens", maxTokens) }),
  };
  return {
    ...(tenant !== undefined && { tenant }),
    scopes: scope ?? ["all"],
    ...(model !== undefined && { models: model }),
    ...(Object.keys(limits).length > 0 && { limits }),
    ...(expires !== undefined && { expires: expiryFrom(expires, nowMs) }),
    ...(parent !== undefined && { parent }),
    ...(note !== undefined && { note }),
  };
}

function countFrom(flag: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw fault("invalid_request", `${flag}: ${JSON.stringify(text)} is not a whole number from 1 to 999999999`);
  return Number(text);
}

async function list(store: KeyStore, { json }: Flags, { out }: Host): Promise<void> {
  const keys = await listKeys(store);
  if (json === true) return void out.write(`${JSON.stringify({ keys: keys.map(withoutSecrets) })}\n`);
  out.write(keys.length === 0 ? `there are no keys in ${store.file}\n` : `${keyTableText(keys, systemClock.now())}\n`);
}

async function revoke(store: KeyStore, { id, json }: Flags & { readonly id: string }, { out }: Host): Promise<void> {
  const revoked: StoredKey = await revokeKey(store, id, systemClock.now());
  out.write(json === true ? `${JSON.stringify(withoutSecrets(revoked))}\n` : `${revoked.id} is revoked\n`);
}
