#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";

// The one file that is no TypeScript: an older Node cannot read the others, and this one can say so.
const [major] = process.versions.node.split(".");

if (Number(major) < 24) {
  console.error(
    `parley needs Node 24 (this is ${process.version}); in a clone \`npm ci\` brings it and \`npm start\` uses it, elsewhere see https://nodejs.org`,
  );
  process.exitCode = 1;
} else {
  // V8 makes what lived long while the service warmed up old from its birth, for ever: then each message of a busy service waits for the great collections, with all it holds. Without that a call takes a tenth less.
  setFlagsFromString("--no-allocation-site-pretenuring");
  // The first process of a container never gets a signal that it does not listen to: one that comes while the modules load would be lost, and the container would not stop.
  for (const [signal, exitCode] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ])
    process.on(signal, () => process.listenerCount(signal) === 1 && process.exit(exitCode));
  const { main } = await import("./main.ts");
  // Left to itself the process would wait for whatever still holds a socket.
  process.exit(await main(process.argv.slice(2)));
}
