import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { isIP } from "node:net";

/** A certificate with its key, in PEM. */
export interface Certified {
  readonly certificate: string;
  readonly key: string;
}

/** Signs certificates, which are as good as its own for who trusts that. */
export interface Authority {
  /** Its own, in PEM. */
  readonly certificate: string;
  /** A new key and a certificate for it. The names are of hosts, or addresses; the first is its subject. */
  issue(names: readonly string[], until?: Date): Certified;
}

const dayMs = 24 * 60 * 60 * 1000;

/** Makes an authority that nobody knows, and that is worth nothing a day later. */
export function authority(name: string): Authority {
  const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const tomorrow = new Date(Date.now() + dayMs);
  const issuer = { name, key: own.privateKey };
  const certificate = certificateOf({ subject: name, publicKey: own.publicKey, until: tomorrow, names: undefined }, issuer);
  return {
    certificate,
    issue(names, until = tomorrow) {
      const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      return {
        key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
        certificate: certificateOf({ subject: names[0] ?? "", publicKey, until, names }, issuer),
      };
    },
  };
}

interface Facts {
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly until: Date;
  /** Undefined: it is an authority. */
  readonly names: readonly string[] | undefined;
}

/** X.509, version 3, in DER (RFC 5280, section 4.1). */
function certificateOf({ subject, publicKey, until, names }: Facts, issuer: { readonly name: string; readonly key: KeyObject }): string {
  const algorithm = sequence(ecdsaWithSha256);
  const version = tagged(0xa0, tagged(0x02, Buffer.from([2])));
  const serial = tagged(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)]));
  const validity = sequence(time(new Date(Date.now() - 30 * dayMs)), time(until));
  const key = publicKey.export({ type: "spki", format: "der" });
  const extension = names === undefined ? isAuthority : sequence(subjectAltName, tagged(0x04, sequence(...names.map(altName))));
  const body = sequence(
    ...[version, serial, algorithm, distinguished(issuer.name), validity, distinguished(subject), key],
    tagged(0xa3, sequence(extension)),
  );
  const signature = tagged(0x03, Buffer.concat([Buffer.from([0]), sign("sha256", body, issuer.key)]));
  const lines =
    sequence(body, algorithm, signature)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

const ecdsaWithSha256 = Buffer.from("06082a8648ce3d040302", "hex");
const commonName = Buffer.from("0603550403", "hex");
const subjectAltName = Buffer.from("0603551d11", "hex");
const isAuthority = Buffer.from("300f0603551d130101ff040530030101ff", "hex");

function tagged(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  let head = [tag, length];
  if (length > 0xff) head = [tag, 0x82, length >> 8, length & 0xff];
  else if (length > 0x7f) head = [tag, 0x81, length];
  return Buffer.concat([Buffer.from(head), content]);
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function distinguished(name: string): Buffer {
  return sequence(tagged(0x31, sequence(commonName, tagged(0x0c, Buffer.from(name)))));
}

function time(at: Date): Buffer {
  return tagged(0x18, Buffer.from(`${at.toISOString().replaceAll(/[-:T]|\..*/g, "")}Z`));
}

function altName(name: string): Buffer {
  if (isIP(name) === 4) return tagged(0x87, Buffer.from(name.split(".").map(Number)));
  return tagged(0x82, Buffer.from(name));
}
