import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
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
    const text = await readIfThere(path);
    if (text !== undefined) return parseConfig(await evaluate(path, text), path);
  }
  if (file !== undefined)
    throw new ConfigError(`There is no configuration file ${resolve(cwd, file)}.`, { details: { file } });
  return {};
}

/** A file that is there and cannot be read is an error: going on without it would choose another backend. */
async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new ConfigError(`${path} cannot be read (${code}).`, { cause, details: { file: path } });
  }
}

async function evaluate(path: string, text: string): Promise<unknown> {
  try {
    if (path.endsWith(".json")) return JSON.parse(text.replace(/^\uFEFF/, ""));
    const module = (await import(pathToFileURL(path).href)) as { default?: unknown };
    return module.default;
  } catch (cause) {
    throw new ConfigError(`${path} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
      details: { file: path },
    });
  }
}
