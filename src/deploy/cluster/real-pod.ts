import { chart, release } from "../chart/helm.ts";
import { startContainer } from "../containers/container.ts";
import { ask, askWell, stopUnderStream, untilProbed } from "../containers/probes.ts";
import { modelFile, volume } from "../containers/volume.ts";
import { buildImage, whyNoImages } from "../image/build.ts";
import { checkConfinement } from "../image/checks.ts";
import type { Steps } from "../steps.ts";
import type { ClusterClient } from "./client.ts";
import { expectThat } from "./life.ts";
import { modelClaim } from "./scene.ts";
import { containerOptions, layOutVolumes, probePlace, type Pod, type PodContainer, type PodVolumes } from "./pod.ts";

/** Takes a pod as the server has it and runs it for real, by runc, as its kubelet would: its security context, its volumes, its probes, its end. */
export async function realPod(steps: Steps, client: ClusterClient, operator: ClusterClient): Promise<void> {
  const { step, skip } = steps;
  const whyNot = whyNoImages();
  if (whyNot !== undefined) return skip("the pod, run for real", whyNot);
  const image = await step("the image is built", buildImage, ({ sizeBytes }) => `${(sizeBytes / 1e6).toFixed(0)} MB`);
  const model = await volume({ file: await modelFile(), name: "SmolLM2-135M-Instruct.Q4_1.gguf" });
  try {
    await operator.apply(modelClaim);
    const pod = await step(
      "helm install with models on a claim; the scheduler's pod is taken",
      () => scheduledPod(client),
      ({ metadata }) => metadata.name,
    );
    const [service] = pod.spec.containers;
    if (service === undefined) throw new Error("the pod has no container");
    const volumes = await layOutVolumes(pod, client, model.bind.source);
    try {
      await life(steps, { pod, service, volumes, image, key: await generatedKey(client) });
    } finally {
      await volumes.remove();
    }
    await client.helm("uninstall", release.name, "--wait", "--timeout", "2m");
  } finally {
    await model.remove();
    await image.close();
  }
}

async function scheduledPod(client: ClusterClient): Promise<Pod> {
  const values = ["--set", "models.source=claim", "--set", "models.claim.existing=models", "--set", "drain.preStopSeconds=2"];
  await client.helm("install", release.name, chart, "--wait", "--timeout", "2m", ...values);
  const { items } = await client.get<{ items: Pod[] }>(
    "pods",
    "-l",
    `app.kubernetes.io/instance=${release.name},app.kubernetes.io/component=server`,
  );
  const [pod] = items;
  if (pod === undefined) throw new Error("there is no pod");
  return pod;
}

async function generatedKey(client: ClusterClient): Promise<string> {
  const { data } = await client.get<{ data: Record<string, string> }>("secret", `${release.name}-keys`);
  return Buffer.from(data["api-key"] ?? "", "base64").toString();
}

interface Running {
  readonly pod: Pod;
  readonly service: PodContainer;
  readonly volumes: PodVolumes;
  readonly image: Awaited<ReturnType<typeof buildImage>>;
  readonly key: string;
}

async function life({ step }: Steps, { pod, service, volumes, image, key }: Running): Promise<void> {
  const container = await startContainer(image, containerOptions(pod, service, volumes));
  const since = (ms: number) => `${(ms / 1000).toFixed(1)} s after its start`;
  const probed = (kind: Parameters<typeof probePlace>[1]) => {
    const { path, port } = probePlace(service, kind);
    return untilProbed(container, path, port);
  };
  try {
    await step("its startup probe succeeds", () => probed("startupProbe"), since);
    await step("its readiness probe succeeds", () => probed("readinessProbe"), since);
    await step("its liveness probe succeeds", () => probed("livenessProbe"), since);
    await step("it is confined", () => checkConfinement(container, "/data"));
    await step("a chat with the generated key is answered, one without a key is refused", () =>
      chats(`http://${container.address}:8080`, key),
    );
    await step("preStop, then SIGTERM under a stream: the stream finishes, then the process", async () => {
      const seconds = service.lifecycle?.preStop?.sleep?.seconds ?? 0;
      const headers = { authorization: `Bearer ${key}` };
      const { tokens, after } = await stopUnderStream(container, headers);
      const grace = pod.spec.terminationGracePeriodSeconds;
      expectThat(grace > seconds + 120, `the grace period of ${grace} s ends before ${seconds} s of preStop and 120 s of draining`);
      return `${tokens} tokens, ${after} frames after the signal, exit code 0; ${grace} s would have been given`;
    });
  } finally {
    await container.remove();
  }
}

async function chats(url: string, key: string): Promise<string> {
  const body = { messages: [{ role: "user", content: "Why is the sky blue?" }], max_tokens: 16 };
  const { status } = await ask(`${url}/v1/chat/completions`, body);
  expectThat(status === 401, `without a key it answered ${status}`);
  const answer = await askWell(`${url}/v1/chat/completions`, body, { authorization: `Bearer ${key}` });
  const { choices } = JSON.parse(answer) as { choices: { message: { content: string } }[] };
  return JSON.stringify(choices[0]?.message.content);
}
