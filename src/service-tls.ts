import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Listener } from "./api/listen.ts";
import type { Credentials, TlsSettings } from "./api/tls-front.ts";
import type { LoadedConfig } from "./config.ts";
import { originOf } from "./config/overlay.ts";
import type { TlsFiles } from "./config/tls-settings.ts";
import type { Clock, Log } from "./core/ports.ts";
import { asFault, fault } from "./core/reasons.ts";
import { watchFile } from "./keys/watch-file.ts";

/** Names a setting for people. */
type Blame = (key: "certFile" | "keyFile" | "clientCaFile") => string;

/** Reads what TLS needs; undefined where there is to be none. Throws `invalid_request` that names the variable or key, and the file. */
export function readTls({ settings: { tls }, origins }: Pick<LoadedConfig, "settings" | "origins">): Credentials | undefined {
  if (tls === undefined) return undefined;
  return readCredentials(tls, (key) => originOf(`http.tls.${key}`, origins) ?? `http.tls.${key}`);
}

/** How long files that do not fit together may take to be replaced, one after the other, ms. */
const settleMs = 2000;

/** What is at hand where the service is put together. */
interface Parts {
  readonly loaded: Pick<LoadedConfig, "settings" | "origins">;
  readonly log: Log;
  readonly clock: Clock;
}

/** Takes what was read anew. */
type Renewed = Pick<Listener, "renewTls">;

/** How the port speaks TLS, and from when on otherwise. */
export interface ServiceTls {
  /** Undefined: it does not. */
  readonly settings: TlsSettings | undefined;
  /** Has a listener go by the files whenever they change; the answer stops that. */
  follow(listener: Renewed): Promise<() => void>;
}

/** Reads what the port needs; what the embedding program has given goes before the files. Throws as `readTls`. */
export function serviceTls(parts: Parts, given?: TlsSettings): ServiceTls {
  const { settings } = parts.loaded;
  const credentials = given === undefined ? readTls(parts.loaded) : undefined;
  if (credentials === undefined) return { settings: given, follow: async () => () => {} };
  warnOfAge(credentials, parts);
  return {
    settings: { ...credentials, clientCertificates: settings.tls?.clientCertificates },
    follow: (listener) => followTls(parts, credentials, listener),
  };
}

/** Reads the files again whenever one of them changes. What cannot be used is logged once, and what was read before goes on to hold. The answer stops that. */
async function followTls({ loaded, log, clock }: Parts, first: Credentials, listener: Renewed): Promise<() => void> {
  const { tls } = loaded.settings;
  let current = fingerprint(first);
  let problem = "";
  let cancel = () => {};
  const reread = (isLast: boolean) => {
    cancel();
    try {
      const next = readTls(loaded);
      problem = "";
      if (next === undefined || fingerprint(next) === current) return;
      listener.renewTls(next);
      current = fingerprint(next);
      log.info("certificate read", validityOf(next.certificate));
      warnOfAge(next, { log, clock });
    } catch (error) {
      const { rawMessage } = asFault(error);
      // A certificate and its key are replaced one after the other.
      if (!isLast) cancel = clock.after(settleMs, () => reread(true));
      else if (rawMessage !== problem)
        log.error("the certificate cannot be read: the one that was read before holds", { problem: rawMessage });
      if (isLast) problem = rawMessage;
    }
  };
  const files = [tls?.certFile, tls?.keyFile, tls?.clientCaFile].filter((file) => file !== undefined);
  const stops = await Promise.all(files.map((file) => watchFile(file, clock, () => reread(false))));
  // What changed since it was read first, and before it was watched.
  reread(false);
  return () => {
    cancel();
    for (const stop of stops) stop();
  };
}

/** Says so where a certificate is not valid now: clients refuse it. */
function warnOfAge({ certificate }: Credentials, { log, clock }: Pick<Parts, "log" | "clock">): void {
  const { validFromDate, validToDate } = new X509Certificate(certificate);
  const now = clock.now();
  if (now < validFromDate.getTime() || now > validToDate.getTime()) log.warn("the certificate is not valid now", validityOf(certificate));
}

function validityOf(certificate: string) {
  const { subject, validFrom, validTo } = new X509Certificate(certificate);
  return { subject: subject.replaceAll("\n", ", "), validFrom, validTo };
}

function fingerprint(credentials: Credentials): string {
  return createHash("sha256").update(JSON.stringify(credentials)).digest("hex");
}

function readCredentials({ certFile, keyFile, clientCaFile }: TlsFiles, blame: Blame): Credentials {
  const certificate = textOf(certFile, blame("certFile"));
  const key = textOf(keyFile, blame("keyFile"));
  const clientAuthority = clientCaFile === undefined ? undefined : textOf(clientCaFile, blame("clientCaFile"));
  demandCertificates(certificate, `${blame("certFile")}: ${certFile}`);
  if (clientAuthority !== undefined) demandCertificates(clientAuthority, `${blame("clientCaFile")}: ${clientCaFile}`);
  demandPair({ certificate, key }, `${blame("keyFile")}: ${keyFile}`);
  return { certificate, key, clientAuthority };
}

function textOf(file: string, name: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw fault("invalid_request", `${name}: ${file}: cannot be read: ${code}`, { cause: error });
  }
}

/** Node itself takes what it cannot read of an authority's file for nothing. */
function demandCertificates(text: string, name: string): void {
  const blocks = text.match(/-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]*-----END (?:TRUSTED )?CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw fault("invalid_request", `${name}: holds no certificate in PEM`);
  for (const [index, block] of blocks.entries())
    try {
      void new X509Certificate(block);
    } catch (error) {
      throw fault("invalid_request", `${name}: its certificate ${index + 1} cannot be read`, { cause: error });
    }
}

/** What OpenSSL says of a key could quote it: ours names the file alone. */
function demandPair({ certificate, key }: Pick<Credentials, "certificate" | "key">, name: string): void {
  // Node takes an empty one for none, and every handshake would fail.
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) throw fault("invalid_request", `${name}: holds no key in PEM that can be used`);
  if (/ENCRYPTED/.test(key)) throw fault("invalid_request", `${name}: the key has a passphrase; write it without`);
  try {
    createSecureContext({ cert: certificate, key });
  } catch (error) {
    const isOther = (error as NodeJS.ErrnoException).code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH";
    throw fault("invalid_request", `${name}: ${isOther ? "is not the certificate's key" : "holds no key in PEM that can be used"}`);
  }
}
