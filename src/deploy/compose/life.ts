import { join } from "node:path";
import { startContainer, type Container } from "../containers/container.ts";
import { stopUnderStream, untilProbed } from "../containers/probes.ts";
import { volume } from "../containers/volume.ts";
import type { BuiltImage } from "../image/build.ts";
import { checkConfinement, readmeCurl } from "../image/checks.ts";
import { root } from "../programs.ts";
import type { Steps } from "../steps.ts";
import { composeOptions, readCompose, whyNoCompose, type ComposeService } from "./compose.ts";

/** Starts what compose.yaml describes, as `docker compose up --wait` does: its variables, its volume, its health check; and again where it dies, as its restart policy says. */
export async function composed({ step, skip }: Steps, image: BuiltImage, model: string): Promise<void> {
  const whyNot = whyNoCompose();
  if (whyNot !== undefined) return skip("compose.yaml", whyNot);
  const project = await step(
    "is read by the library that docker compose reads by",
    () => readCompose(join(root, "compose.yaml")),
    ({ name }) => name,
  );
  const service = project.services["parley"];
  if (service === undefined) throw new Error("compose.yaml has no service parley");
  const models = await volume({ file: model, name: "SmolLM2-135M-Instruct.Q4_1.gguf" });
  const options = composeOptions(service, { models: models.bind.source });
  const environment = [...(options.environment ?? []), "LLM_DEFAULT_MAX_TOKENS=32"];
  const start = () => startContainer(image, { ...options, environment });
  try {
    const died = await start();
    try {
      await step("its health check becomes good", () => healthy(died, service));
      await step("is confined", () => checkConfinement(died));
      await step("dies of a SIGKILL, which asks for a restart", async () => {
        await died.signal("KILL");
        const code = await died.ended;
        if (code === 0 || service.restart !== "unless-stopped") throw new Error(`exit code ${code}, restart ${service.restart}`);
        return `exit code ${code}, restart ${service.restart}`;
      });
    } finally {
      await died.remove();
    }
    await again(step, await start(), service);
  } finally {
    await models.remove();
  }
}

async function again(step: Steps["step"], container: Container, service: ComposeService): Promise<void> {
  try {
    await step("is healthy again on the same volume", () => healthy(container, service));
    await step("answers the README's curl", () => readmeCurl(container));
    await step("SIGTERM under a stream: the stream finishes, then the process", async () => {
      const { tokens, after } = await stopUnderStream(container);
      return `${tokens} tokens, ${after} frames after the signal, exit code 0`;
    });
  } finally {
    await container.remove();
  }
}

/** Runs the health check inside, as Docker does, until it ends with 0. */
async function healthy(container: Container, { healthcheck: { test } }: ComposeService): Promise<string> {
  await untilProbed(container, "/livez");
  const [kind, ...words] = test;
  if (kind !== "CMD") throw new Error(`the health check is ${kind}`);
  for (let left = 100; left > 0; left--) {
    const { exitCode, text } = await container.exec(words);
    if (exitCode === 0) return text.trim();
  }
  throw new Error(`it does not become healthy: ${container.output()}`);
}
