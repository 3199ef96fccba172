import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { sha256Of } from "./model-hub.ts";
import { loadAll, startTestServer, type TestServer } from "./test-server.ts";
import { writeTinyBert } from "./tiny-bert.ts";
import { tinyGguf, writeTinyGguf } from "./tiny-gguf.ts";

/** A model of the catalog, which is a file beside: nothing is brought from afar. */
const pulled = { title: "Small", licence: "MIT", purpose: "chat", tried: true, id: "in-catalog", file: "in-catalog.gguf" };

/** A service on which the examples of the REST document hold: their models are there, loaded, and so is one that can be brought (`in-catalog`) and one to delete (`spare`). */
export async function startDocumentedService(config: JsonObject = {}): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), "parley-documented-"));
  const mirror = await mkdtemp(join(tmpdir(), "parley-mirror-"));
  const bytes = tinyGguf({ seed: 5 });
  const source = { hub: "owner/name", revision: "main", path: pulled.file };
  const models = [{ ...pulled, sizeBytes: bytes.length, sha256: sha256Of(bytes), sources: [source] }];
  await writeFile(join(mirror, pulled.file), bytes);
  await writeFile(join(folder, "catalog.json"), JSON.stringify({ default: pulled.id, models }));
  for (const name of ["a-local-model", "spare"]) await writeTinyGguf(join(folder, `${name}.gguf`));
  await writeTinyBert(join(folder, "an-embedding-model.gguf"));
  await writeTinyBert(join(folder, "a-reranking-model.gguf"), { ranks: true });
  const environment = { LLM_MODEL_MIRROR: mirror, HF_ENDPOINT: "https://127.0.0.1:9" };
  const server = await startTestServer({ modelsDirectory: folder, config, environment });
  await loadAll(server);
  return {
    ...server,
    async close() {
      await server.close();
      for (const each of [folder, mirror]) await rm(each, { recursive: true });
    },
  };
}
