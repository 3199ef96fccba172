#!/usr/bin/env node
// The one file that is no TypeScript: an older Node cannot read the others, and this one can say so.
const [major] = process.versions.node.split(".");

if (Number(major) < 24) {
  console.error(
    `parley needs Node 24 (this is ${process.version}); in a clone \`npm ci\` brings it and \`npm start\` uses it, elsewhere see https://nodejs.org`,
  );
  process.exitCode = 1;
} else {
  const { main } = await import("./main.ts");
  // Left to itself the process would wait for whatever still holds a socket.
  process.exit(await main(process.argv.slice(2)));
}
