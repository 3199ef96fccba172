import { createPrivateKey } from "node:crypto";
import { once } from "node:events";
import { connect, type AddressInfo, type Socket } from "node:net";
import { createServer, getCACertificates, setDefaultCACertificates } from "node:tls";

// A key and a certificate made for tests, for localhost, models.example and 127.0.0.1; nobody trusts them but a test that says so.
const key =
  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8EKN3yvF6L2iifUlSQzImoQopG2Jzcg4B6dy54Gad32hRANCAATsHABak+vt3focOKOHANAzY5y0CZxVNHzdcda9vhy54yN4t8y7MVKs7xxvqLEk2vTDGoveno/s2Fketazbzks3";
const certificate =
  "MIIBrzCCAVWgAwIBAgIUOTbQ8u2rsFk6xY8jl6JmiLKEstYwCgYIKoZIzj0EAwIwFjEUMBIGA1UEAwwLcGFybGV5IHRlc3QwIBcNMjYxMTIxMTc0MzIxWhgPMjEyNjEwMjgxNzQzMjFaMBYxFDASBgNVBAMMC3BhcmxleSB0ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7BwAWpPr7d36HDijhwDQM2OctAmcVTR83XHWvb4cueMjeLfMuzFSrO8cb6ixJNr0wxqL3p6P7NhZHrWs285LN6N/MH0wHQYDVR0OBBYEFC0++eF2FAZ1op60QFZlwOV2w9eaMB8GA1UdIwQYMBaAFC0++eF2FAZ1op60QFZlwOV2w9eaMA8GA1UdEwEB/wQFMAMBAf8wKgYDVR0RBCMwIYIJbG9jYWxob3N0gg5tb2RlbHMuZXhhbXBsZYcEfwAAATAKBggqhkjOPQQDAgNIADBFAiEA9iit3soa7FeZuPdJSLX8X2oU1bStGXU2nz4Orkxs/NgCIF5vKju1qb4766tGuM6HC+Ez/I/ItCXAcRneYCzTr6qJ";

const pem = `-----BEGIN CERTIFICATE-----\n${certificate.replaceAll(/.{64}/gu, "$&\n")}\n-----END CERTIFICATE-----\n`;

/** TLS in front of a server of this machine. */
export interface TlsFront {
  readonly port: number;
  /** Of each connection, whether it went on with the session of an earlier one. */
  readonly reused: readonly boolean[];
  close(): Promise<void>;
}

/** Starts one; it hands on what it hears, and takes HTTP/1.1 alone. */
export async function startTlsFront(port: number): Promise<TlsFront> {
  const sockets = new Set<Socket>();
  const reused: boolean[] = [];
  const privateKey = createPrivateKey({ key: Buffer.from(key, "base64"), format: "der", type: "pkcs8" });
  const options = { key: privateKey.export({ format: "pem", type: "pkcs8" }), cert: pem, ALPNProtocols: ["http/1.1"] };
  const server = createServer(options, (socket) => {
    reused.push(socket.isSessionReused());
    const onward = connect(port, "127.0.0.1");
    sockets.add(socket).add(onward);
    socket.on("error", () => onward.destroy()).on("close", () => onward.destroy());
    onward.on("error", () => socket.destroy()).on("close", () => socket.destroy());
    socket.pipe(onward).pipe(socket);
  });
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    reused,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Has this process trust the certificate until the answer is called. */
export function trustTlsFront(): () => void {
  const before = getCACertificates();
  setDefaultCACertificates([...before, pem]);
  return () => setDefaultCACertificates(before);
}
