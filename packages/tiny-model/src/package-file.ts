import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * A file or folder of this package: beside its code; or, where a bundler moved the code, in the package that is still installed, looked for from
 * the program and from the working folder. Where it is nowhere, the first place that was looked at.
 */
export function packageFile(name: string): string {
  const beside = besideCode(`../${name}`);
  if (beside !== undefined && existsSync(beside)) return beside;
  const found = [import.meta.url, process.argv[1], join(process.cwd(), "program.js")].flatMap((place) => {
    if (place === undefined) return [];
    try {
      const require = createRequire(place.startsWith("file:") ? place : pathToFileURL(place));
      return [join(dirname(require.resolve("@latentkit/tiny-model/package.json")), name)];
    } catch {
      return [];
    }
  });
  return found.find((path) => existsSync(path)) ?? beside ?? join(process.cwd(), name);
}

/** Not spelled as one literal: a bundler would look for the file itself. Nor is there an address of the code in CommonJS. */
function besideCode(path: string): string | undefined {
  return import.meta.url?.startsWith("file:") ? fileURLToPath(new URL(path, import.meta.url)) : undefined;
}
