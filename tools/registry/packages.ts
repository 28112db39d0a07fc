import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A package of this repository that is published. */
export interface PublicPackage {
  name: string;
  version: string;
  /** Relative to the repository's root. */
  folder: string;
  manifest: Readonly<Record<string, unknown>>;
}

/** Every package that a release would publish: the libraries, and onnxruntime's files for each platform. */
export function publicPackages(): PublicPackage[] {
  return ["packages", "runtimes"]
    .flatMap((group) => readdirSync(group).map((name) => join(group, name)))
    .filter((folder) => existsSync(join(folder, "package.json")))
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) }))
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ folder, manifest }) => ({ folder, manifest, name: manifest.name, version: manifest.version }));
}

/** Packs a package as a release would. @returns the tarball's path. */
export async function pack({ name, version, folder }: PublicPackage, destination: string): Promise<string> {
  const file = join(destination, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`);
  rmSync(file, { force: true });
  await run("pnpm", ["--dir", folder, "pack", "--pack-destination", destination]);
  return file;
}

/** The manifest inside a tarball: dependencies as a user's package manager sees them. */
export async function packedManifest(tarball: string): Promise<Record<string, unknown>> {
  const { stdout } = await run("tar", ["-xOzf", tarball, "package/package.json"]);
  return JSON.parse(stdout);
}
