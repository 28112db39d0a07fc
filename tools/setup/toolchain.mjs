import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { root, runProgram, SetupError, step } from "./shell.mjs";

const nodeVersion = "24.21.0";
const pnpmVersion = "12.21.0";
const folder = join(root, ".toolchain");
const modules = join(folder, "node_modules");

/**
 * The Node and pnpm that the workspace is built with: the machine's own Node where it is fit, else npm's copies of both
 * in `.toolchain/`, which touch nothing outside this folder.
 *
 * @returns {Promise<{ nodePath: string, env: NodeJS.ProcessEnv, node: (args: string[], options?: object) => Promise<number>, pnpm: string[] }>}
 */
export async function toolchain() {
  const nodePackage = isFit(process.versions.node) ? undefined : packageOfNode();
  const wanted = [
    [nodePackage, nodeVersion],
    ["pnpm", pnpmVersion],
  ].filter(([name, version]) => name !== undefined && installedVersion(name) !== version);
  if (wanted.length > 0) await installFromNpm(wanted.map(([name, version]) => `${name}@${version}`));

  const nodePath = nodePackage === undefined ? process.execPath : nodeBinary(nodePackage);
  const path = [join(root, "node_modules", ".bin"), join(modules, ".bin"), dirname(nodePath), process.env.PATH];
  const env = { ...process.env, PATH: path.join(delimiter) };
  const node = (args, options) => runProgram(nodePath, args, { env, ...options });
  return { nodePath, env, node, pnpm: [nodePath, join(modules, "pnpm", "bin", "pnpm.mjs")] };
}

/** Node lines that vitest, tsup and undici all take. */
function isFit(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return (major === 22 && minor >= 19) || (major === 24 && minor >= 11) || major >= 26;
}

/** npm carries Node's own builds, one package for each platform. */
function packageOfNode() {
  const { platform, arch } = process;
  const name = { linux: "linux", darwin: "darwin", win32: "win" }[platform];
  if (name === undefined || !["x64", "arm64"].includes(arch)) {
    throw new SetupError(`no Node for ${platform}-${arch} comes through npm: install Node 24 and run this again`);
  }
  return `node-${name}-${arch}`;
}

function nodeBinary(name) {
  return join(modules, name, "bin", process.platform === "win32" ? "node.exe" : "node");
}

function installedVersion(name) {
  const file = join(modules, name, "package.json");
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).version : undefined;
}

async function installFromNpm(specs) {
  const settings = ["--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"];
  const args = ["install", "--prefix", folder, ...settings, ...specs];
  // npm tells its children where it is; without it, the one on the PATH.
  const npm = process.env.npm_execpath;
  const title = `fetching ${specs.join(" and ")} from the npm registry`;
  if (npm?.endsWith(".js")) await step(title, process.execPath, [npm, ...args]);
  else await step(title, "npm", args);
}
