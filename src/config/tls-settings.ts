import type { Config, Http } from "../../gen/parley/config/v1/config_pb.ts";
import type { Problem } from "./problem.ts";

/** Whether clients need certificates of their own: they show none, they may, they must. */
const clientCertificateModes = ["none", "optional", "required"] as const;

/** Whether clients need certificates. */
type ClientCertificates = (typeof clientCertificateModes)[number];

/** Where what TLS needs is kept; absolute. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile: string | undefined;
  readonly clientCertificates: ClientCertificates;
}

/** The files of a configuration that was checked; undefined: without TLS. */
export function tlsFilesOf({ tls }: Pick<Http, "tls">): TlsFiles | undefined {
  if (tls?.certFile === undefined || tls.keyFile === undefined) return undefined;
  const { certFile, keyFile, clientCaFile } = tls;
  return { certFile, keyFile, clientCaFile, clientCertificates: modeOf(tls) };
}

function modeOf({ clientCaFile, clientCertificates }: NonNullable<Http["tls"]>): ClientCertificates {
  return clientCertificateModes.find((mode) => mode === clientCertificates) ?? (clientCaFile === undefined ? "none" : "required");
}

/** What can be wrong in a file alone. */
export function* tlsProblems({ http }: Config): Generator<Problem> {
  const mode = http?.tls?.clientCertificates;
  if (mode !== undefined && !clientCertificateModes.some((each) => each === mode))
    yield { path: "http.tls.clientCertificates", what: `must be one of ${clientCertificateModes.join(", ")}` };
}

/** What is missing once everything has been said. */
export function* missingTlsProblems({ http }: Config): Generator<Problem> {
  const tls = http?.tls;
  if (tls === undefined) return;
  const { certFile, keyFile, clientCaFile, clientCertificates } = tls;
  if (certFile === undefined)
    yield { path: said(tls, "keyFile", "clientCaFile"), what: "does nothing without http.tls.certFile (LLM_TLS_CERT_FILE)" };
  else if (keyFile === undefined) yield { path: "http.tls.certFile", what: "does nothing without http.tls.keyFile (LLM_TLS_KEY_FILE)" };
  const mode = modeOf(tls);
  if (mode === "none" && clientCaFile !== undefined)
    yield { path: "http.tls.clientCaFile", what: "does nothing where http.tls.clientCertificates is none" };
  if (mode !== "none" && clientCaFile === undefined)
    yield { path: "http.tls.clientCertificates", what: `${clientCertificates} needs http.tls.clientCaFile (LLM_TLS_CLIENT_CA_FILE)` };
}

/** The first of these that was said. */
function said(tls: NonNullable<Http["tls"]>, ...keys: readonly ("keyFile" | "clientCaFile")[]): string {
  return `http.tls.${keys.find((key) => tls[key] !== undefined) ?? "clientCertificates"}`;
}
