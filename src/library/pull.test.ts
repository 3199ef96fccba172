import { access, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { PullPhase, type PullModelResponse } from "../../gen/parley/v1/models_pb.ts";
import { reasonOf } from "../core/reasons.ts";
import { eventsOf, failureOf } from "../testing/collect-events.ts";
import { linkedHeaders, sendModel, sha256Of, startModelHub, type Exchange } from "../testing/model-hub.ts";
import { openTestLibrary } from "../testing/open-library.ts";
import { temporaryFolder } from "../testing/temporary-folder.ts";
import { tinyGguf } from "../testing/tiny-gguf.ts";

const bytes = tinyGguf();
const never = new AbortController().signal;
const source = { hub: "owner/name", revision: "main", path: "tiny.gguf" };
const untried = { id: "tiny", title: "Tiny", licence: "MIT", file: "tiny.gguf", purpose: "chat", tried: false, sources: [source] };
const known = { ...untried, tried: true, sizeBytes: bytes.length, sha256: sha256Of(bytes) };

async function hub(listener: (exchange: Exchange) => void) {
  const started = await startModelHub(listener);
  onTestFinished(() => started.close());
  return started;
}

/** How a pull fails, for people and programs. */
async function failure(steps: AsyncIterable<PullModelResponse>): Promise<{ reason: string; message: string }> {
  const error = await failureOf(eventsOf(steps));
  return { reason: reasonOf(error), message: error.message };
}

describe("a pull", { timeout: 20_000 }, () => {
  it("asks, downloads, verifies and is done; the file then answers to its id", async () => {
    const { url, requests } = await hub((exchange) => sendModel(exchange, bytes));
    const library = await openTestLibrary({ hub: url, models: [known] });
    const steps = await eventsOf(library.pull("tiny", never));
    const phases = steps.map(({ phase }) => phase).filter((phase, index, list) => phase !== list[index - 1]);
    expect(phases).toEqual([PullPhase.CONNECTING, PullPhase.DOWNLOADING, PullPhase.VERIFYING, PullPhase.DONE]);
    expect(steps.at(-1)).toMatchObject({ model: "tiny", bytesDone: BigInt(bytes.length), bytesTotal: BigInt(bytes.length) });
    expect(library.find("tiny")).toMatchObject({ problem: "", sha256: sha256Of(bytes), sizeBytes: bytes.length });
    expect(library.catalog()).toEqual([]);
    expect(requests.map(({ url: path }) => path)).toEqual(["/owner/name/resolve/main/tiny.gguf"]);
    expect(await readdir(library.directory)).not.toContainEqual(expect.stringMatching(/\.(part|lock)$/));
  });

  it("of a model that is on disk is done at once, without a request", async () => {
    const { url, requests } = await hub((exchange) => sendModel(exchange, bytes));
    const library = await openTestLibrary({ hub: url, models: [known] });
    await eventsOf(library.pull("tiny", never));
    expect((await eventsOf(library.pull("tiny.gguf", never))).map(({ phase }) => phase)).toEqual([PullPhase.DONE]);
    expect(requests).toHaveLength(1);
  });

  it("never replaces another model of the same file name", async () => {
    const library = await openTestLibrary({ models: [known] });
    await writeFile(join(library.directory, "tiny.gguf"), tinyGguf({ layers: 1 }));
    expect(await failure(library.pull("tiny", never))).toMatchObject({ reason: "model_state" });
  });

  it("asks the mirror first: a folder, or a URL that holds files by name", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "tiny.gguf"), bytes);
    const { url, requests } = await hub((exchange) => sendModel(exchange, bytes));
    const first = await openTestLibrary({ hub: url, mirror: folder, models: [known] });
    await eventsOf(first.pull("tiny", never));
    expect(requests).toHaveLength(0);
    const second = await openTestLibrary({ mirror: `${url}/files/`, models: [known] });
    await eventsOf(second.pull("tiny", never));
    expect(requests.map(({ url: path }) => path)).toEqual(["/files/tiny.gguf"]);
  });

  it("follows the hub to its storage, checks what the hub said, and keeps the token for the hub", async () => {
    const storage = await hub((exchange) => sendModel(exchange, bytes));
    const { url, requests } = await hub(({ response }) => {
      response.writeHead(302, { ...linkedHeaders(bytes), location: `${storage.url}/blob?signed` }).end();
    });
    const library = await openTestLibrary({ hub: url, token: "hf_secret", models: [untried] });
    await eventsOf(library.pull("tiny", never));
    expect(library.find("tiny")?.sha256).toBe(sha256Of(bytes));
    expect(requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer hf_secret"]);
    expect(storage.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it("refuses bytes that nobody can vouch for, and takes them from the operator's own mirror", async () => {
    const { url } = await hub((exchange) => sendModel(exchange, bytes));
    const library = await openTestLibrary({ hub: url, models: [untried] });
    expect(await failure(library.pull("tiny", never))).toEqual({
      reason: "pull_failed",
      message: expect.stringContaining("tells no sha256, and the catalog knows none") as string,
    });
    const mirrored = await openTestLibrary({ mirror: url, models: [untried] });
    await eventsOf(mirrored.pull("tiny", never));
    expect(mirrored.find("tiny")).toBeDefined();
  });

  it("deletes wrong bytes and reports them", async () => {
    const wrong = Buffer.from(bytes);
    wrong[wrong.length - 1] = 1 + (wrong[wrong.length - 1] ?? 0);
    const { url } = await hub((exchange) => sendModel(exchange, wrong));
    const library = await openTestLibrary({ hub: url, models: [known] });
    expect(await failure(library.pull("tiny", never))).toEqual({
      reason: "data_corrupt",
      message: expect.stringContaining(`gave wrong bytes: their sha256 is ${sha256Of(wrong)}`) as string,
    });
    expect(await readdir(library.directory)).toEqual(["catalog.json"]);
  });

  it("refuses a file of another size before a byte of it is kept", async () => {
    const { url } = await hub((exchange) => sendModel(exchange, tinyGguf({ layers: 1 })));
    const library = await openTestLibrary({ hub: url, models: [known] });
    expect(await failure(library.pull("tiny", never))).toMatchObject({ reason: "data_corrupt" });
  });

  it("takes the right bytes from a later source when an earlier one has wrong ones", async () => {
    const mirror = await temporaryFolder();
    await writeFile(join(mirror, "tiny.gguf"), "<html>log in</html>");
    const { url } = await hub((exchange) => sendModel(exchange, bytes));
    const library = await openTestLibrary({ hub: url, mirror, models: [known] });
    await eventsOf(library.pull("tiny", never));
    expect(library.find("tiny")?.problem).toBe("");
  });

  it("refuses a file that is no model, where no hash could tell", async () => {
    const mirror = await temporaryFolder();
    await writeFile(join(mirror, "tiny.gguf"), "<html>log in</html>");
    const library = await openTestLibrary({ mirror, models: [untried] });
    const { reason, message } = await failure(library.pull("tiny", never));
    expect({ reason, isNamed: message.includes("gave a file that is no model") }).toEqual({ reason: "data_corrupt", isNamed: true });
    await expect(access(join(library.directory, "tiny.gguf"))).rejects.toThrow("ENOENT");
  });

  it("says in one sentence what each source answered", async () => {
    const { url } = await hub(({ response }) => response.writeHead(404).end());
    const mirror = await temporaryFolder();
    const library = await openTestLibrary({ hub: url, mirror, models: [known] });
    const { reason, message } = await failure(library.pull("tiny", never));
    expect(reason).toBe("pull_failed");
    expect(message).toContain(
      `no source gives tiny: the mirror ${mirror} has no such file; the hub ${new URL(url).host} has no such file (404)`,
    );
  });

  it("tells what to do about a gated model", async () => {
    const { url } = await hub(({ response }) => response.writeHead(401).end());
    const library = await openTestLibrary({ hub: url, models: [known] });
    const { message } = await failure(library.pull("tiny", never));
    expect(message).toContain(`refuses access (401): accept the model's terms on ${url}/owner/name and set HF_TOKEN`);
  });

  it("leaves a source that does not answer, or sends nothing more, after its limits", async () => {
    const silent = await hub(() => {});
    const stuck = await hub(
      ({ response }) => void response.writeHead(200, { "content-length": bytes.length }).write(bytes.subarray(0, 100)),
    );
    const limits = { pullConnectMs: 100, pullIdleMs: 100 };
    const first = await openTestLibrary({ hub: silent.url, limits, models: [known] });
    const second = await openTestLibrary({ hub: stuck.url, limits, models: [known] });
    // At once: undici looks at its timers only twice a second.
    const failures = await Promise.all([first, second].map((library) => failure(library.pull("tiny", never))));
    expect(failures.map(({ message }) => message)).toEqual([
      expect.stringContaining("does not answer"),
      expect.stringContaining("sends nothing more"),
    ]);
  });

  it("refuses a file beyond the limit", async () => {
    const { url } = await hub(({ response }) => response.writeHead(200, { "content-length": 2 ** 21 }).write("GGUF"));
    const library = await openTestLibrary({ mirror: url, limits: { maxModelBytes: 2 ** 20 }, models: [untried] });
    expect(await failure(library.pull("tiny", never))).toEqual({
      reason: "pull_failed",
      message: expect.stringContaining("limits.maxModelBytes allows 1048576") as string,
    });
  });

  it("follows no redirect to plain http on another machine", async () => {
    const { url } = await hub(({ response }) => response.writeHead(302, { location: "http://192.0.2.1/tiny.gguf" }).end());
    const library = await openTestLibrary({ hub: url, models: [known] });
    expect((await failure(library.pull("tiny", never))).message).toContain("leads to http://192.0.2.1, which is not https");
  });

  it.each(["../tiny", "/etc/passwd", "tiny/../tiny", "", "nobody"])("of %j is no model of the catalog", async (name) => {
    const library = await openTestLibrary({ models: [known] });
    expect((await failure(library.pull(name, never))).reason).toBe("model_not_found");
  });
});

describe("what the command line may pull", () => {
  it("is any file of the hub, checked against the hub's own word", async () => {
    const { url, requests } = await hub((exchange) => sendModel(exchange, bytes, { headers: linkedHeaders(bytes) }));
    const library = await openTestLibrary({ hub: url });
    await eventsOf(library.pullFrom("hf:some/repo/sub/other.gguf", never));
    expect(requests[0]?.url).toBe("/some/repo/resolve/main/sub/other.gguf");
    expect(library.find("other")?.sha256).toBe(sha256Of(bytes));
    await eventsOf(library.pullFrom(`${url}/some/repo/blob/main/page.gguf`, never));
    expect(requests[1]?.url).toBe("/some/repo/resolve/main/page.gguf");
  });

  it("is any URL, and says when its bytes could not be checked", async () => {
    const { url } = await hub((exchange) => sendModel(exchange, bytes));
    const library = await openTestLibrary();
    const steps = await eventsOf(library.pullFrom(`${url}/a%2Dfile.gguf?download=true`, never));
    expect(steps.find(({ phase }) => phase === PullPhase.VERIFYING)?.source).toContain("tells no sha256 to compare with");
    expect(library.find("a-file")).toBeDefined();
  });

  it.each([
    "hf:owner/file.gguf",
    "hf:../../x/file.gguf",
    "hf:o/r/file.bin",
    "http://example.com/a.gguf",
    "https://example.com/..%2Fa.gguf",
    "https://example.com/",
    "https://example.com/%zz.gguf",
  ])("is not %s", async (reference) => {
    const library = await openTestLibrary();
    expect((await failure(library.pullFrom(reference, never))).reason).toBe("invalid_request");
  });
});

describe("the folder of a library", () => {
  it("that cannot be made is refused with what to set", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "file"), "");
    await expect(openTestLibrary({ directory: join(folder, "file", "models") })).rejects.toThrow("set LLM_MODELS_DIR");
  });

  it("may hold a catalog of its own, refused with the bad key", async () => {
    const directory = await temporaryFolder();
    await mkdir(directory, { recursive: true });
    await expect(openTestLibrary({ directory, models: [{ ...known, size: 1 }] })).rejects.toThrow("models[0].size: is no key");
    expect(JSON.parse(await readFile(join(directory, "catalog.json"), "utf8"))).toBeDefined();
  });

  it.each([
    [{ hub: "http://example.com" }, "HF_ENDPOINT: must be an https URL"],
    [{ mirror: "http://example.com/models" }, "LLM_MODEL_MIRROR: must be an https URL"],
    [{ mirror: "ftp://example.com" }, "LLM_MODEL_MIRROR: must be an https URL"],
  ])("is not opened with %j", async (options, problem) => {
    await expect(openTestLibrary(options)).rejects.toThrow(problem);
  });
});
