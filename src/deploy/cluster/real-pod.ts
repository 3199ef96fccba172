import { chart, objectsIn, release } from "../chart/helm.ts";
import { startContainer, type Container, type ContainerOptions } from "../containers/container.ts";
import { ask, askWell, stopUnderStream, untilProbed } from "../containers/probes.ts";
import { modelFile } from "../containers/volume.ts";
import { buildImage, whyNoImages, type BuiltImage } from "../image/build.ts";
import { checkConfinement } from "../image/checks.ts";
import type { Steps } from "../steps.ts";
import type { ClusterClient } from "./client.ts";
import { expectThat } from "./life.ts";
import { serveModel, type ModelHost } from "./model-host.ts";
import { containerOptions, layOutVolumes, probePlace, type Pod, type PodContainer, type PodVolumes } from "./pod.ts";

/** Where the pod's init container finds its model: this machine, by another name. */
const host = "models.example";

/** Takes a pod as the server has it and runs it for real, by runc, as its kubelet would: init container, security context, volumes, probes, end. */
export async function realPod(steps: Steps, client: ClusterClient): Promise<void> {
  const { step, skip } = steps;
  const whyNot = whyNoImages();
  if (whyNot !== undefined) return skip("the pod, run for real", whyNot);
  const image = await step("the image is built", buildImage, ({ sizeBytes }) => `${(sizeBytes / 1e6).toFixed(0)} MB`);
  const models = await serveModel(await modelFile());
  try {
    const pod = await step(
      "helm install --wait; the scheduler's pod is taken",
      () => scheduledPod(client, models),
      ({ metadata }) => metadata.name,
    );
    const volumes = await layOutVolumes(pod, client);
    try {
      await life(steps, { client, image, models, pod, volumes });
    } finally {
      await volumes.remove();
    }
    await client.helm("uninstall", release.name, "--wait", "--timeout", "2m");
  } finally {
    await models.close();
    await image.close();
  }
}

async function scheduledPod(client: ClusterClient, models: ModelHost): Promise<Pod> {
  const files = JSON.stringify([{ url: models.url(host), sha256: models.sha256, name: "smollm2-135m-instruct.gguf" }]);
  const values = ["--set-json", `models.download.files=${files}`, "--set", "drain.preStopSeconds=2"];
  await client.helm("install", release.name, chart, "--wait", "--timeout", "2m", ...values);
  const selector = `app.kubernetes.io/instance=${release.name},app.kubernetes.io/component=server`;
  const { items } = await client.get<{ items: Pod[] }>("pods", "-l", selector);
  const [pod] = items;
  if (pod === undefined) throw new Error("there is no pod");
  return pod;
}

interface Running {
  readonly client: ClusterClient;
  readonly image: BuiltImage;
  readonly models: ModelHost;
  readonly pod: Pod;
  readonly volumes: PodVolumes;
}

async function life({ step }: Steps, running: Running): Promise<void> {
  const { client, image, pod, volumes } = running;
  await step("its init container fetches the model and checks its SHA-256; begun again, it keeps it", () => fetchTwice(running));
  const service = only(pod.spec.containers);
  const key = await generatedKey(client);
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
    await step("the pod of helm test asks it over REST and gRPC, and ends well", () => helmTest(running, container));
    await step("SIGTERM under a stream: the stream finishes, then the process", () => stop(container, service, { pod, key }));
  } finally {
    await container.remove();
  }
}

/** Runs the init container to its end, twice, as when a pod's sandbox is made anew. */
async function fetchTwice({ image, models, pod, volumes }: Running): Promise<string> {
  const options = { ...containerOptions(pod, only(pod.spec.initContainers ?? []), volumes), names: { [host]: "host" } } as const;
  const said = [await toItsEnd(image, options), await toItsEnd(image, options)];
  expectThat(models.fetched() === 1, `the model was fetched ${models.fetched()} times`);
  return said.map((text) => text.trim().split("\n").at(-1)).join("; ");
}

async function toItsEnd(image: BuiltImage, options: ContainerOptions): Promise<string> {
  const container = await startContainer(image, options);
  try {
    const exitCode = await container.ended;
    expectThat(exitCode === 0, `it ended with ${exitCode}: ${container.output()}`);
    return container.output();
  } finally {
    await container.remove();
  }
}

/** Runs the chart's test beside the service, where the Service's name leads to it. */
async function helmTest({ client, image }: Running, container: Container): Promise<string> {
  const hooks = objectsIn(await client.helm("get", "hooks", release.name));
  const scripts = hooks.filter(({ kind }) => kind === "ConfigMap");
  await client.apply(scripts);
  const test = hooks.find(({ kind }) => kind === "Pod") as unknown as Pod;
  const volumes = await layOutVolumes(test, client);
  try {
    const options = containerOptions(test, only(test.spec.containers), volumes);
    const said = await toItsEnd(image, { ...options, names: { [release.name]: "itself" }, beside: container });
    return said.trim().replaceAll("\n", ", ");
  } finally {
    await volumes.remove();
    for (const { metadata } of scripts) await client.kubectl("delete", "configmap", metadata.name);
  }
}

async function stop(
  container: Container,
  service: PodContainer,
  { pod, key }: { readonly pod: Pod; readonly key: string },
): Promise<string> {
  const { tokens, after } = await stopUnderStream(container, { authorization: `Bearer ${key}` });
  const seconds = service.lifecycle?.preStop?.sleep?.seconds ?? 0;
  const grace = pod.spec.terminationGracePeriodSeconds;
  expectThat(grace > seconds + 120, `the grace period of ${grace} s ends before ${seconds} s of preStop and 120 s of draining`);
  return `${tokens} tokens, ${after} frames after the signal, exit code 0; a kubelet would have given it ${grace} s`;
}

async function generatedKey(client: ClusterClient): Promise<string> {
  const { data } = await client.get<{ data: Record<string, string> }>("secret", `${release.name}-keys`);
  return Buffer.from(data["api-key"] ?? "", "base64").toString();
}

async function chats(url: string, key: string): Promise<string> {
  const body = { messages: [{ role: "user", content: "Why is the sky blue?" }], max_tokens: 12 };
  const { status } = await ask(`${url}/v1/chat/completions`, body);
  expectThat(status === 401, `without a key it answered ${status}`);
  const answer = await askWell(`${url}/v1/chat/completions`, body, { authorization: `Bearer ${key}` });
  const { choices } = JSON.parse(answer) as { choices: { message: { content: string } }[] };
  return JSON.stringify(choices[0]?.message.content);
}

function only(containers: readonly PodContainer[]): PodContainer {
  const [container, another] = containers;
  if (container === undefined || another !== undefined) throw new Error(`the pod has ${containers.length} such containers`);
  return container;
}
