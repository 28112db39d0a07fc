/**
 * Installs LatentKit with each package manager, in an empty folder, from a stand-in of npm's registry on this machine, and draws.
 *
 *     npm run check -- install
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { serveRegistry } from "../registry/registry.ts";
import { documented, type Manager, managers } from "./managers.ts";
import { Sandbox, sizeOf } from "./sandbox.ts";

const readme = readFileSync("README.md", "utf8");
const program = /```ts apple\.mts\n(.*?)```/s.exec(readme)?.[1];
const told = readme + readFileSync("docs/install.md", "utf8");
if (program === undefined) throw new Error("README.md has no block `ts apple.mts`");

using sandbox = new Sandbox();
const registry = await serveRegistry();
let failed = 0;
console.log("| Package manager | Commands | To the first picture | Installed |\n| --- | --- | --- | --- |");
for (const manager of process.argv.length > 2 ? managers.filter(({ name }) => process.argv.includes(name)) : managers) {
  const said = await attempt(manager).catch((error: Error) => `FAILED: ${error.message}`);
  if (said.startsWith("FAILED")) failed++;
  console.log(`| ${manager.name} | ${said.includes("|") ? said : `${said} | – | –`} |`);
}
await registry.close();
process.exitCode = failed > 0 ? 1 : 0;

/** @returns the row's cells, or why it was not run. */
async function attempt({ name, tool, commands, run, files }: Manager): Promise<string> {
  const missing = tool && (await sandbox.bring(tool));
  if (missing !== undefined) return `not run: ${missing}`;
  for (const command of [...commands, run])
    if (!told.includes(command)) throw new Error(`neither README.md nor docs/install.md says: ${command}`);
  const project = sandbox.project(name, {
    ...files?.(registry.url),
    "package.json": '{ "private": true }\n',
    ...(/ (apple\.\w+)$/.test(run) && !run.includes("--out")
      ? { [run.split(" ").at(-1) as string]: program as string }
      : {}),
  });
  let seconds = 0;
  for (const command of [...commands, run]) {
    const outcome = await sandbox.run(command.replace(documented, registry.url), project);
    seconds += outcome.seconds;
    if (outcome.code !== 0) throw new Error(`${command} exited ${outcome.code}:\n${outcome.output}`);
  }
  const modules = join(project, "node_modules");
  if (!isPng(join(project, "apple.png"))) throw new Error("there is no picture");
  const foreign = installed(project).filter((found) => found === "onnxruntime-node" || found.includes("onnxruntime-"));
  const expected = ["onnxruntime-common", `@latentkit/onnxruntime-${process.platform}-${process.arch}`];
  const wrong = foreign.filter((found) => !expected.includes(found));
  if (wrong.length > 0) throw new Error(`more is installed than this machine needs: ${wrong.join(", ")}`);
  return `${commands.length + 1} | ${seconds.toFixed(0)} s | ${(sizeOf(existsSync(modules) ? modules : project) / 1e6).toFixed(0)} MB`;
}

/** Packages of onnxruntime's that lie in the project, at whatever depth. */
function installed(project: string): string[] {
  const names = readdirSync(project, { recursive: true, encoding: "utf8" })
    .map((path) => /(?:^|[/\\])node_modules[/\\]((?:@[^/\\]+[/\\])?[^/\\]+)$/.exec(path)?.[1]?.replace("\\", "/"))
    .filter((found) => found?.includes("onnxruntime"));
  return [...new Set(names as string[])];
}

function isPng(file: string): boolean {
  return existsSync(file) && readFileSync(file).subarray(1, 4).toString("latin1") === "PNG";
}
