import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../test-server.ts";
import { describeWith, pythonPath, run } from "../tools.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const script = join(import.meta.dirname, "..", "python", "clients.py");

/** An interpreter that reads all of a client takes seconds where the machine is busy. */
const checkMs = 20_000;

describeWith("python", "Python's clients", () => {
  let server: TestServer;
  let stubs: string;
  beforeAll(async () => {
    stubs = await mkdtemp(join(tmpdir(), "parley-stubs-"));
    const files = ["chat", "embeddings", "messages", "sampling", "usage"].map((name) => `parley/v1/${name}.proto`);
    const words = ["-m", "grpc_tools.protoc", `-I${join(root, "proto")}`, `--python_out=${stubs}`, `--grpc_python_out=${stubs}`, ...files];
    const [made, started] = await Promise.all([
      run(pythonPath(), words),
      startTestServer({ models: { tiny: {} }, encoders: { encoder: {} } }),
    ]);
    server = started;
    expect(made).toMatchObject({ exitCode: 0 });
  }, 60_000);
  afterAll(async () => {
    await server.close();
    await rm(stubs, { recursive: true });
  });

  const streamed = ["accepted", "started", ...Array<string>(5).fill("text"), "finished", "completed"];
  it.each<[string, string, unknown]>([
    ["openai gets a whole answer", "openai_whole", ["assistant", "one two three", "stop", 3]],
    [
      "openai reads a stream: the role once, the usage once, in a chunk without choices",
      "openai_stream",
      ["one two three", ["assistant"], 3, 1],
    ],
    [
      "openai gathers a stream with its helper",
      "openai_helper",
      [expect.arrayContaining(["chunk", "content.delta", "content.done"]), "assistant", "stop", "one two three"],
    ],
    ["openai raises its own class", "openai_error", [404, "model_not_found", true]],
    ["openai lists models and finds one", "openai_models", [expect.arrayContaining(["echo", "tiny"]), "model"]],
    ["grpcio gets a whole answer", "grpc_whole", ["one two three", 3]],
    ["grpcio reads a stream, in order and without a hole", "grpc_stream", [streamed, streamed.map((_, index) => index)]],
    ["grpcio gets an error's status and details", "grpc_error", ["NOT_FOUND", expect.stringContaining("nobody"), true]],
    ["grpcio's deadline ends the call, and the model serves the next", "grpc_deadline", ["DEADLINE_EXCEEDED", 2]],
    ["grpcio cancels a stream, and the model serves the next", "grpc_cancel", ["CANCELLED", 2]],
    ["grpcio is told UNIMPLEMENTED for a method that nobody knows", "grpc_unknown_method", "UNIMPLEMENTED"],
    ["openai embeds", "openai_embed", [2, 64, 7]],
    ["grpcio embeds, and is told what is missing", "grpc_embed", [[8, 8], 7, "INVALID_ARGUMENT", expect.stringContaining("inputs")]],
    ["grpcio sends and gets messages of megabytes", "grpc_large", 3_000_000],
  ])(
    "%s",
    async (_name, check, expected) => {
      const ended = await run(pythonPath(), [script, server.url, stubs, check]);
      expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
      expect(JSON.parse(ended.stdout)).toEqual(expected);
    },
    checkMs,
  );
});
