import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../programs.ts";

/** Makes, in a folder, an authority `ca`, the API server's certificate `server`, and the key `accounts` that signs tokens. */
export async function makeCredentials(folder: string): Promise<void> {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await openssl(folder, ["req", "-x509", ...key, "-days", "2", "-subj", "/CN=cluster", "-keyout", "ca.key", "-out", "ca.crt"]);
  await issue(folder, {
    name: "server",
    subject: "/CN=kube-apiserver",
    extension: "subjectAltName=IP:127.0.0.1,DNS:kubernetes.default.svc",
  });
  await openssl(folder, ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "accounts.key"]);
  await openssl(folder, ["pkey", "-in", "accounts.key", "-pubout", "-out", "accounts.pub"]);
}

/** Who somebody is to the API server. */
export interface User {
  readonly name: string;
  readonly group?: string;
}

/** Makes a user's certificate, and with it the file by which programs reach the API server; answers with its path. */
export async function kubeconfig(folder: string, server: string, { name, group }: User): Promise<string> {
  const subject = `${group === undefined ? "" : `/O=${group}`}/CN=${name}`;
  await issue(folder, { name, subject, extension: "extendedKeyUsage=clientAuth" });
  const path = join(folder, `${name}.kubeconfig`);
  const at = (file: string) => join(folder, file);
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "it", cluster: { server, "certificate-authority": at("ca.crt") } }],
    users: [{ name, user: { "client-certificate": at(`${name}.crt`), "client-key": at(`${name}.key`) } }],
    contexts: [{ name: "it", context: { cluster: "it", user: name } }],
    "current-context": "it",
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

interface Wish {
  readonly name: string;
  readonly subject: string;
  readonly extension: string;
}

async function issue(folder: string, { name, subject, extension }: Wish): Promise<void> {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const signer = ["-CA", "ca.crt", "-CAkey", "ca.key", "-days", "2"];
  await openssl(folder, [
    "req",
    "-x509",
    ...key,
    ...signer,
    "-subj",
    subject,
    "-addext",
    extension,
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.crt`,
  ]);
}

function openssl(cwd: string, words: readonly string[]): Promise<string> {
  return run("openssl", words, { cwd });
}
