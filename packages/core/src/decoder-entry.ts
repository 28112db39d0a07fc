import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { version } from "./version.ts";

const packageName = "@latentkit/core";
const isSource = import.meta.url?.endsWith(".ts") ?? false;

/** Node options that the decoder's program needs. */
export const decoderExecArgv: readonly string[] = isSource
  ? ["--conditions=latentkit-source", "--disable-warning=ExperimentalWarning"]
  : [];

/**
 * The decoder's own program: beside this file; or, where a bundler moved this file, in the package of the same version that is still installed.
 * Undefined where it is nowhere.
 */
export function decoderProgram(): string | undefined {
  return [...besideThisFile(isSource ? "image/decoder/main.ts" : "decoder/main.js"), ...installed()].find(existsSync);
}

/** Not spelled as one literal: a bundler would take it for a file of its own. A bundle in CommonJS does not know where it lies. */
function besideThisFile(path: string): string[] {
  return import.meta.url?.startsWith("file:") ? [fileURLToPath(new URL(path, import.meta.url))] : [];
}

/** Looked for from where this code lies, from the program, and from the working folder. */
function installed(): string[] {
  const from = [import.meta.url, process.argv[1], join(process.cwd(), "program.js")];
  return from.flatMap((place) => {
    if (place === undefined) return [];
    try {
      const require = createRequire(place.startsWith("file:") ? place : pathToFileURL(place));
      const manifest = require.resolve(`${packageName}/package.json`);
      const { version: there } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
      return there === version ? [join(dirname(manifest), "dist", "decoder", "main.js")] : [];
    } catch {
      return [];
    }
  });
}
