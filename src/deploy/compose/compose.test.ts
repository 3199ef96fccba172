import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { limits } from "../../core/limits.ts";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { root } from "../programs.ts";
import { readCompose, secondsOf, whyNoCompose } from "./compose.ts";

// The reader is built once, from its module.
vi.setConfig({ testTimeout: 300_000 });

const file = join(root, "compose.yaml");
const why = whyNoCompose();

describe.skipIf(why !== undefined)(`compose.yaml${why === undefined ? "" : ` (skipped: ${why})`}`, () => {
  it("is read as docker compose reads it, and keeps to the specification", async () => {
    const { services, volumes } = await readCompose(file);
    expect(Object.keys(services)).toEqual(["parley"]);
    expect(Object.keys(volumes)).toEqual(["models"]);
    expect(services["parley"]).toMatchObject({
      image: "parley",
      restart: "unless-stopped",
      read_only: true,
      cap_drop: ["ALL"],
      ports: [{ host_ip: "127.0.0.1", published: "8080", target: 8080 }],
      volumes: [{ type: "volume", source: "models", target: "/models" }],
    });
  });

  it("asks for health as the image does, and gives answers longer to end than the service does", async () => {
    const { services } = await readCompose(file);
    const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8");
    const [, words = "[]"] = /^HEALTHCHECK .* CMD (\[.*\])$/m.exec(dockerfile) ?? [];
    expect(services["parley"]?.healthcheck.test).toEqual(["CMD", ...(JSON.parse(words) as string[])]);
    expect(secondsOf(services["parley"]?.stop_grace_period ?? "") * 1000).toBeGreaterThan(limits.drainMs.default);
  });

  it("would be refused with a key that the specification does not have", async () => {
    const broken = join(await temporaryFolder(), "compose.yaml");
    writeFileSync(broken, readFileSync(file, "utf8").replace("restart:", "restrat:"));
    await expect(readCompose(broken)).rejects.toThrow("restrat");
  });
});
