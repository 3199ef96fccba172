import { composed } from "../compose/life.ts";
import { startContainer, type Container, type ContainerOptions } from "../containers/container.ts";
import { ask, stopUnderStream, untilProbed } from "../containers/probes.ts";
import { modelFile, volume } from "../containers/volume.ts";
import { steps } from "../steps.ts";
import { buildImage, whyNoImages, type BuiltImage } from "./build.ts";
import { checkConfinement, checkContents, checkOpenness, readmeCurl } from "./checks.ts";
import { olderLines, type OlderLine } from "./older-lines.ts";
import { playApis } from "./played-apis.ts";

/*
 * `npm run image`: builds the image, and runs it as Kubernetes and Docker would: by runc, with its user, a read-only root and no capabilities.
 */

const all = steps("image");
const { step, skip, part, fail, end } = all;

const held = { memoryBytes: 2 ** 30 };
/** A small model may ramble for longer than a call may take on a busy machine. */
const brief = ["LLM_DEFAULT_MAX_TOKENS=32"];

const whyNot = whyNoImages();
if (whyNot === undefined) {
  try {
    await everything();
  } catch (error) {
    fail(error);
  }
} else skip("the image", whyNot);
process.exit(end());

async function everything(): Promise<void> {
  part("the image");
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  const image = await step("is built from the Dockerfile by buildah", buildImage, ({ sizeBytes }) => megabytes(sizeBytes));
  try {
    await step("has what it should, and nothing else", async () => checkContents(image));
    await used(image, await modelFile());
  } finally {
    await image.close();
  }
}

async function used(image: BuiltImage, file: string): Promise<void> {
  const models = await volume({ file, name: "SmolLM2-135M-Instruct.Q4_1.gguf" });
  try {
    await whole(image, { ...held, environment: brief, binds: [models.bind] });
  } finally {
    await models.remove();
  }
  await bare(image);
  part("compose.yaml");
  await composed(all, image, file);
  part("the run lines of older services, with this image's name");
  for (const line of olderLines) await older(image, line, file);
}

/** A life: started, asked, stopped. */
async function whole(image: BuiltImage, options: ContainerOptions): Promise<void> {
  part("a container with a model on its volume and 1 GiB of memory");
  await within(image, options, async (container) => {
    await step("is alive", () => untilProbed(container, "/livez"), since);
    await step("is ready", () => untilProbed(container, "/readyz"), since);
    await step("parley healthcheck ends with 0", () => healthcheck(container, 0));
    await step("is confined", () => checkConfinement(container));
    await step("is open, and says so", () => checkOpenness(container));
    await step("answers the README's curl", () => readmeCurl(container));
    const told = ({ tokens, after }: { tokens: number; after: number }) =>
      `${tokens} tokens, ${after} frames after the signal, exit code 0`;
    await step("SIGTERM under a stream: the stream finishes, then the process", () => stopUnderStream(container), told);
  });
}

/** The first start of somebody who has no model and no network. */
async function bare(image: BuiltImage): Promise<void> {
  part("a container without a model and without a network");
  const models = await volume();
  try {
    await within(image, { ...held, binds: [models.bind] }, async (container) => {
      await step("is ready all the same", () => untilProbed(container, "/readyz"), since);
      await step("answers, by echo", async () => {
        const { status, text } = await ask(`http://${container.address}:8080/v1/chat/completions`, {
          messages: [{ role: "user", content: "one two" }],
        });
        if (status !== 200) throw new Error(`${status}: ${text}`);
      });
    });
  } finally {
    await models.remove();
  }
}

async function older(image: BuiltImage, line: OlderLine, file: string): Promise<void> {
  const { service, environment, words, modelName, key } = line;
  const models = await volume(modelName === undefined ? undefined : { file, name: modelName });
  const apis = await playApis(key === undefined ? [] : [key]);
  const { names, binds, environment: trust } = apis.options;
  const options = { ...held, environment: [...environment, ...trust], words, names, binds: [...binds, models.bind] };
  try {
    await step(`${service}: docker run ${line.line}`, async () => {
      let told: readonly string[] = [];
      await within(image, options, async (container) => {
        const answering = await apis.answer(container);
        try {
          told = await asked(container, line);
        } finally {
          await answering.close();
        }
      });
      return told.join(", ");
    });
  } finally {
    await apis.close();
    await models.remove();
  }
}

async function asked(container: Container, { port, asks }: OlderLine): Promise<readonly string[]> {
  await untilProbed(container, "/readyz");
  const told: string[] = [];
  for (const { path, body, says = "" } of asks) {
    const { status, text } = await ask(`http://${container.address}:${port}${path}`, body);
    if (status !== 200 || !text.includes(says)) throw new Error(`:${port}${path} answered ${status}: ${text.slice(0, 300)}`);
    told.push(`:${port}${path} ${status}`);
  }
  return told;
}

async function within(image: BuiltImage, options: ContainerOptions, use: (container: Container) => Promise<void>): Promise<void> {
  const container = await startContainer(image, options);
  try {
    await use(container);
  } finally {
    await container.remove();
  }
}

async function healthcheck(container: Container, expected: number): Promise<string> {
  const { exitCode, text } = await container.exec(["/usr/local/bin/parley", "healthcheck"]);
  if (exitCode !== expected) throw new Error(`it ended with ${exitCode}: ${text}`);
  return text.trim();
}

function since(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s after its start`;
}
