import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { EngineError, version } from "@latentkit/core";
import type { EngineProgram } from "./program.ts";

const packageName = "@latentkit/backend-local";

/**
 * The built program: beside this file; or, where a bundler moved this file, in the package that is still installed.
 *
 * @throws EngineError that says what to do about a bundle.
 */
export function engineProgram(): EngineProgram {
  const beside = besideThisFile();
  const file = [beside, ...installed()].find((candidate) => candidate !== undefined && existsSync(candidate));
  if (file !== undefined) return { file, execArgv: [] };
  throw new EngineError(
    `The engine's program is missing: it seems that ${packageName} was bundled. Leave the package out of the bundle ` +
      `(esbuild: --external:${packageName}; webpack: externals; Vite: ssr.external; Next: serverExternalPackages), and keep ` +
      `it in the node_modules beside the bundle.`,
    { backend: "local", retryable: false, details: { looked: beside } },
  );
}

/** A bundle in CommonJS does not know where it lies. The path is no literal here: webpack would take a copy of that one file. */
function besideThisFile(path = "./engine/main.js"): string | undefined {
  return import.meta.url === undefined ? undefined : fileURLToPath(new URL(path, import.meta.url));
}

/** The package of the same version, looked for from where this code lies, from the program, and from the working folder. */
function installed(): string[] {
  const from = [import.meta.url, process.argv[1], join(process.cwd(), "program.js")];
  return from.flatMap((place) => {
    if (place === undefined) return [];
    try {
      const require = createRequire(place.startsWith("file:") ? place : pathToFileURL(place));
      const manifest = require.resolve(`${packageName}/package.json`);
      const { version: there } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
      return there === version ? [join(dirname(manifest), "dist", "engine", "main.js")] : [];
    } catch {
      return [];
    }
  });
}
