import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Packs each public package as a release would, and lints what a user would get. */
function main(): void {
  const folder = mkdtempSync(join(tmpdir(), "latentkit-packed-"));
  try {
    const failed = publicPackages().filter((name) => !isSound(name, folder));
    if (failed.length > 0) console.error(`Packages with problems: ${failed.join(", ")}.`);
    process.exitCode = failed.length > 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function publicPackages(): string[] {
  return readdirSync("packages").filter((name) => {
    const manifest = JSON.parse(readFileSync(`packages/${name}/package.json`, "utf8")) as { private?: boolean };
    return manifest.private !== true;
  });
}

function isSound(name: string, folder: string): boolean {
  const destination = join(folder, name);
  if (!run("pnpm", ["--dir", `packages/${name}`, "pack", "--pack-destination", destination])) return false;
  const [tarball] = readdirSync(destination).filter((file) => file.endsWith(".tgz"));
  if (tarball === undefined) return false;
  const file = join(destination, tarball);
  const publint = run(process.execPath, [resolve("node_modules/publint/src/cli.js"), "run", file, "--strict"]);
  const attw = run(process.execPath, [
    resolve("node_modules/@arethetypeswrong/cli/dist/index.js"),
    file,
    "--profile",
    "esm-only",
  ]);
  return publint && attw;
}

/** Runs a program; its output is shown only when it fails. */
function run(program: string, args: readonly string[]): boolean {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) console.error(`${[program, ...args].join(" ")}\n${stdout}${stderr}`);
  return status === 0;
}

main();
