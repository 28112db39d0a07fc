// Before a package of this folder is packed: its platform's share of onnxruntime-node, file by file and unchanged.
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";

const folder = process.cwd();
const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const workspace = createRequire(join(folder, "..", "..", "packages", "backend-local", "package.json"));
const source = dirname(workspace.resolve("onnxruntime-node/package.json"));
const { version, dependencies } = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
const common = dependencies["onnxruntime-common"];
if (version !== manifest.version || common !== manifest.dependencies["onnxruntime-common"])
  throw new Error(`${manifest.name}: onnxruntime-node is ${version} (onnxruntime-common ${common}): say the same here`);

const [platform, arch] = basename(folder).split("-");
const binaries = readdirSync(join(source, "bin")).map((napi) => join("bin", napi, platform, arch));
for (const part of ["dist", ...binaries]) {
  if (!existsSync(join(source, part))) throw new Error(`${manifest.name}: onnxruntime-node ${version} has no ${part}`);
  rmSync(join(folder, part), { recursive: true, force: true });
  cpSync(join(source, part), join(folder, part), { recursive: true, filter: (file) => !file.endsWith(".map") });
}
cpSync(join(source, "README.md"), join(folder, "README.md"));
cpSync(join(folder, "..", "LICENSE"), join(folder, "LICENSE"));
