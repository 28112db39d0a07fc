import { readFile } from "node:fs/promises";
import type { ComfyBackend } from "@latentkit/backend-comfy";
import { readPngText, saveFile } from "@latentkit/core";
import { checkSize } from "../replay/read-picture.ts";
import { UsageError } from "../report-error.ts";
import type { CliIo } from "../run-cli.ts";

/** What a command says about its server. */
export interface ServerFlags {
  url?: string;
}

/** Works on a server, and leaves it in the end. */
export async function withServer<T>(
  { url }: ServerFlags,
  { env }: CliIo,
  work: (backend: ComfyBackend) => Promise<T>,
): Promise<T> {
  const { fromConfig } = await import("@latentkit/backend-comfy");
  const backend = fromConfig(url === undefined ? {} : { url }, env);
  try {
    return await work(backend);
  } finally {
    await backend.dispose();
  }
}

/** A workflow's JSON: of a file of its own, or of a picture that ComfyUI made. @throws UsageError when there is none. */
export async function readWorkflowText(path: string): Promise<string> {
  await checkSize(path);
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(`the workflow cannot be read: ${path} (${cause.code ?? "unknown reason"})`);
  });
  if (bytes.subarray(1, 4).toString("latin1") !== "PNG") return bytes.toString("utf8");
  const texts = readPngText(bytes);
  const text = texts.get("workflow") ?? texts.get("prompt");
  if (text === undefined) throw new UsageError(`the picture has no workflow of ComfyUI's in it: ${path}`);
  return text;
}

/** Writes a text to a file, or to standard output. @throws UsageError when it cannot be written. */
export async function writeText(text: string, out: string | undefined, { stdout }: CliIo): Promise<void> {
  if (out === undefined) return void stdout.write(text);
  await saveFile(out, Buffer.from(text)).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(`--out: cannot write ${out} (${cause.code ?? "unknown reason"})`);
  });
}

/** The seed of `--prompt-seed`. @throws UsageError when it is none. */
export function promptSeedOf(given: string | undefined): { promptSeed?: number } {
  if (given === undefined) return {};
  const promptSeed = Number(given);
  if (!/^\d+$/.test(given) || promptSeed >= 2 ** 32) {
    throw new UsageError("--prompt-seed: must be a whole number from 0 to 4294967295");
  }
  return { promptSeed };
}
