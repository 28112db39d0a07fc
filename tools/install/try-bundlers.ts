/**
 * Bundles programs with each bundler, installed as users do, and runs what comes out.
 *
 *     npm run check -- bundlers
 */
import { readFileSync } from "node:fs";
import { serveRegistry } from "../registry/registry.ts";
import { type Bundle, bundles } from "./bundlers.ts";
import { Sandbox } from "./sandbox.ts";

const page = readFileSync("docs/deploy.md", "utf8");
using sandbox = new Sandbox();
const registry = await serveRegistry();
let failed = 0;
const wanted = process.argv.slice(2);
for (const bundle of bundles.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  const said = await attempt(bundle).catch((error: Error) => `FAILED: ${error.message}`);
  if (said.startsWith("FAILED")) failed++;
  console.log(`${bundle.name}: ${said}`);
}
await registry.close();
process.exitCode = failed > 0 ? 1 : 0;

async function attempt({ name, packages, files, commands, expect, line }: Bundle): Promise<string> {
  if (line !== undefined && !page.includes(line)) throw new Error(`docs/deploy.md does not say: ${line}`);
  const folder = sandbox.project(name, {
    ...files,
    "package.json": '{ "private": true, "type": "module" }\n',
    ".npmrc": `@latentkit:registry=${registry.url}\n`,
  });
  const install = `npm install --no-audit --no-fund @latentkit/core @latentkit/backend-local ${packages.join(" ")}`;
  const fetched = await sandbox.run(install, folder);
  if (fetched.code !== 0) return `not run: ${fetched.output.trim().split("\n").at(-1)}`;
  let output = "";
  for (const command of commands) {
    const outcome = await sandbox.run(command, folder);
    output = outcome.output;
    if (outcome.code !== 0) throw new Error(`${command} exited ${outcome.code}:\n${outcome.output}`);
  }
  const found = expect.exec(output)?.[0];
  if (found === undefined) throw new Error(`the program said:\n${output}`);
  return `${found}${line === undefined ? ", out of the box" : `, with ${line}`}`;
}
