import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadConfig } from "./config.ts";
import type { Variables } from "./core/child-environment.ts";
import { systemClock } from "./core/clock.ts";
import { checkParts } from "./service-check.ts";
import { serviceTls } from "./service-tls.ts";
import { authority } from "./testing/certificates.ts";
import { recordingLog } from "./testing/recording-log.ts";
import { sharedFolder } from "./testing/temporary-folder.ts";

const folder = sharedFolder();
const pair = authority("ours").issue(["localhost"]);
const { log } = recordingLog();

let count = 0;
function fileOf(content: string): string {
  const file = join(folder, `${(count += 1)}.pem`);
  writeFileSync(file, content);
  return file;
}

interface Row {
  readonly certificate?: string;
  readonly key?: string;
  readonly authority?: string;
  readonly words: string;
}

describe("files that cannot be used are refused at the start, and by --check", () => {
  it.each<readonly [string, Row]>([
    ["a certificate that is none", { certificate: "x", words: "holds no certificate in PEM" }],
    ["half a certificate", { certificate: pair.certificate.replace(/\n[^]{64}/, "\n"), words: "its certificate 1 cannot be read" }],
    ["an empty key", { key: "", words: "holds no key in PEM that can be used" }],
    ["a key that is none", { key: "x", words: "holds no key in PEM that can be used" }],
    ["another's key", { key: authority("x").issue(["x"]).key, words: "is not the certificate's key" }],
    ["a key with a passphrase", { key: pair.key.replaceAll("PRIVATE", "ENCRYPTED PRIVATE"), words: "has a passphrase" }],
    ["an authority that is none", { authority: "x", words: "LLM_TLS_CLIENT_CA_FILE: " }],
  ])("%s", async (_name, { certificate = pair.certificate, key = pair.key, authority: ca, words }) => {
    const environment: Variables = {
      LLM_TLS_CERT_FILE: fileOf(certificate),
      LLM_TLS_KEY_FILE: fileOf(key),
      ...(ca !== undefined && { LLM_TLS_CLIENT_CA_FILE: fileOf(ca) }),
    };
    const loaded = loadConfig({ environment });
    expect(() => serviceTls({ loaded, log, clock: systemClock })).toThrow(words);
    await expect(checkParts(loaded)).rejects.toThrow(words);
  });

  it("one that is not there", () => {
    const missing = join(folder, "missing.pem");
    const loaded = loadConfig({ environment: { LLM_TLS_CERT_FILE: missing, LLM_TLS_KEY_FILE: fileOf(pair.key) } });
    expect(() => serviceTls({ loaded, log, clock: systemClock })).toThrow(`LLM_TLS_CERT_FILE: ${missing}: cannot be read: ENOENT`);
  });

  it.each<readonly [Variables, string]>([
    [{ LLM_TLS_CERT_FILE: "x" }, "LLM_TLS_CERT_FILE: does nothing without http.tls.keyFile"],
    [{ LLM_TLS_KEY_FILE: "x" }, "LLM_TLS_KEY_FILE: does nothing without http.tls.certFile"],
    [{ LLM_TLS_CLIENT_CA_FILE: "x" }, "LLM_TLS_CLIENT_CA_FILE: does nothing without http.tls.certFile"],
    [{ LLM_TLS_CLIENT_CERTIFICATES: "maybe" }, "LLM_TLS_CLIENT_CERTIFICATES: must be one of none, optional, required"],
    [{ LLM_TLS_CERT_FILE: "x", LLM_TLS_KEY_FILE: "x", LLM_TLS_CLIENT_CERTIFICATES: "required" }, "needs http.tls.clientCaFile"],
    [{ LLM_HOSTS: "a.example:80" }, 'LLM_HOSTS: "a.example:80" is no host name'],
  ])("%j", (environment, words) => {
    expect(() => loadConfig({ environment })).toThrow(words);
  });
});
