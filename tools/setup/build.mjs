import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, step } from "./shell.mjs";
import { filesUnder, hashFiles, isFresh, writeStamp } from "./stamp.mjs";

/** Builds every package, unless the sources are those of the last build and its output still lies there. */
export async function buildPackages({ env, pnpm: [program, ...first] }) {
  const packages = readdirSync(join(root, "packages")).filter((name) => scriptsOf(name).build !== undefined);
  const hash = hashFiles([...sharedInputs(), ...packages.flatMap(inputsOf)]);
  const built = packages.every((name) => existsSync(join(root, "packages", name, "dist", "index.js")));
  if (built && isFresh("build", hash)) return;
  await step("building packages", program, [...first, "--recursive", "run", "build"], { env });
  writeStamp("build", hash);
}

function scriptsOf(name) {
  const file = join(root, "packages", name, "package.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")).scripts ?? {}) : {};
}

function sharedInputs() {
  return ["pnpm-lock.yaml", "tsconfig.base.json", "tools/setup/tsup.ts", "tools/setup/browser-build.ts"];
}

function inputsOf(name) {
  const folder = `packages/${name}`;
  const sources = filesUnder(`${folder}/src`).filter((file) => !file.endsWith(".test.ts"));
  const settings = ["package.json", "tsconfig.json", "tsup.config.ts"].map((file) => `${folder}/${file}`);
  return [...settings.filter((file) => existsSync(join(root, file))), ...sources];
}
