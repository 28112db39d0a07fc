import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError } from "../errors/config-error.ts";
import { type LatentKitConfig, parseConfig } from "./config.ts";

const names = ["ts", "mts", "js", "mjs", "json"].map((extension) => `latentkit.config.${extension}`);

/**
 * The configuration of a folder, or of a named file; an empty one where a folder has none.
 *
 * @throws ConfigError when the file is missing, does not load, or is wrong.
 */
export async function readConfig(cwd: string, file?: string): Promise<LatentKitConfig> {
  for (const name of file === undefined ? names : [file]) {
    const path = resolve(cwd, name);
    const text = await readFile(path, "utf8").catch(() => undefined);
    if (text !== undefined) return parseConfig(await evaluate(path, text), path);
  }
  if (file !== undefined)
    throw new ConfigError(`There is no configuration file ${join(cwd, file)}.`, { details: { file } });
  return {};
}

async function evaluate(path: string, text: string): Promise<unknown> {
  try {
    if (path.endsWith(".json")) return JSON.parse(text);
    const module = (await import(pathToFileURL(path).href)) as { default?: unknown };
    return module.default;
  } catch (cause) {
    throw new ConfigError(`${path} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
      details: { file: path },
    });
  }
}
