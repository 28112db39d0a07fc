import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { EngineError } from "@latentkit/core";

/** A file that comes with this package, whole. The assets are beside `src` and `dist`; a built file may lie in `dist` or one folder below, as the source does. */
export async function readAsset(name: string): Promise<Buffer> {
  const places = ["..", "../.."].map((up) => new URL(`${up}/assets/${name}`, import.meta.url));
  const found = places.find((url) => existsSync(url));
  if (found !== undefined) return readFile(found);
  throw new EngineError(`@latentkit/backend-local is installed without its assets/${name}`, { backend: "local" });
}
