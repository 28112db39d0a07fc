import { existsSync, linkSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { root, step } from "./shell.mjs";
import { hashFiles, isFresh, writeStamp } from "./stamp.mjs";

/** Installs the workspace's packages as the lockfile says, unless that has been done. No package runs a script. */
export async function installPackages({ env, nodePath, pnpm: [program, ...first] }) {
  const hash = `${hashFiles(manifests())} ${nodePath}`;
  if (isFresh("install", hash)) return;
  const args = [...first, "install", "--frozen-lockfile", "--reporter=append-only"];
  await step("installing packages", program, args, { env });
  linkNode(nodePath);
  writeStamp("install", hash);
}

function manifests() {
  const folders = ["packages", "examples"].flatMap((group) =>
    existsSync(join(root, group)) ? readdirSync(join(root, group)).map((name) => `${group}/${name}`) : [],
  );
  const files = folders.map((folder) => `${folder}/package.json`).filter((file) => existsSync(join(root, file)));
  return ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", ...files.sort()];
}

/** The programs in node_modules/.bin prefer a Node beside them: so they run whatever Node the PATH has, then or later. */
function linkNode(nodePath) {
  const bin = join(root, "node_modules", ".bin");
  const windows = process.platform === "win32";
  const link = join(bin, windows ? "node.exe" : "node");
  mkdirSync(bin, { recursive: true });
  rmSync(link, { force: true });
  if (!windows) symlinkSync(nodePath, link);
  else if (nodePath !== process.execPath) linkSync(nodePath, link);
}
