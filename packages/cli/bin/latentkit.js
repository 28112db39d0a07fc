#!/usr/bin/env node
// Committed, so that a package manager can link it before the first build. Plain syntax, so that an old Node can read it.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(`latentkit: needs Node 22.19 or newer; this is ${process.version}\n`);
  process.exitCode = 1;
} else {
  await import("../dist/main.js");
}
