import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { authority } from "../../testing/certificates.ts";
import { startUpstream } from "../../testing/upstream/upstream.ts";
import type { Container, ContainerOptions } from "../containers/container.ts";

/** The remote APIs that older services are in front of, played by this machine under their own names. */
const names = ["api.openai.com", "api.anthropic.com", "router.huggingface.co"];
const certificate = "/etc/played-authority.pem";

/** APIs that are played. */
export interface PlayedApis {
  /** What a container needs to take them for the real ones: their names, and the authority that signed for them. */
  readonly options: Required<Pick<ContainerOptions, "names" | "binds" | "environment">>;
  /** Answers a container, on the address by which it knows this machine. */
  answer(container: Container): Promise<{ close(): Promise<void> }>;
  close(): Promise<void>;
}

/** What they say. */
export const playedAnswer = "one two three";

/** Plays them for callers who show one of these keys. */
export async function playApis(keys: readonly string[]): Promise<PlayedApis> {
  const folder = await mkdtemp(join(tmpdir(), "parley-apis-"));
  const signer = authority("played");
  const file = join(folder, "authority.pem");
  writeFileSync(file, signer.certificate);
  const upstream = await startUpstream({ keys });
  const { key, certificate: cert } = signer.issue(names);
  return {
    options: {
      names: Object.fromEntries(names.map((name) => [name, "host" as const])),
      binds: [{ source: file, path: certificate, isReadOnly: true }],
      environment: [`NODE_EXTRA_CA_CERTS=${certificate}`],
    },
    answer: ({ network }) => listen({ key, cert }, { host: network.hostAddress, onward: upstream.port }),
    async close() {
      await upstream.close();
      await rm(folder, { recursive: true });
    },
  };
}

interface Places {
  readonly host: string;
  /** Port of what answers, on this machine. */
  readonly onward: number;
}

async function listen(
  credentials: { readonly key: string; readonly cert: string },
  { host, onward }: Places,
): Promise<{ close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer({ ...credentials, ALPNProtocols: ["http/1.1"] }, (socket) => {
    const further = connect(onward, "127.0.0.1");
    sockets.add(socket).add(further);
    socket.on("error", () => further.destroy()).on("close", () => further.destroy());
    further.on("error", () => socket.destroy()).on("close", () => socket.destroy());
    socket.pipe(further).pipe(socket);
  });
  server.listen(443, host);
  await once(server, "listening");
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
