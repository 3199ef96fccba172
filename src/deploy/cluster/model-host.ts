import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";

/** A host of models on this machine, for containers. */
export interface ModelHost {
  /** Address of the model, on a host of this name. */
  url(name: string): string;
  /** Of the model. */
  readonly sha256: string;
  /** How often it was fetched. */
  readonly fetched: () => number;
  close(): Promise<void>;
}

/** Serves one file. */
export async function serveModel(file: string): Promise<ModelHost> {
  let count = 0;
  const server = createServer((request, response) => {
    if (request.url === "/model.gguf") {
      count++;
      // A client that goes away is its own affair.
      pipeline(createReadStream(file), response).catch(() => response.destroy());
    } else response.writeHead(404).end();
  });
  server.listen(0);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return {
    url: (name) => `http://${name}:${port}/model.gguf`,
    sha256: hash.digest("hex"),
    fetched: () => count,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
