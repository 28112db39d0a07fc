import { access, constants, stat } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import type { GenerationInput, Recipe } from "@latentkit/core";
import { UsageError } from "../report-error.ts";
import type { CliIo } from "../run-cli.ts";
import type { GenerateFlags } from "./flags.ts";

/** Where pictures go: one file by name, a folder with names made from the prompt and the seed, or standard output. */
export type OutputPlan =
  | { kind: "file"; path: string }
  | { kind: "folder"; folder: string; stem: string }
  | { kind: "stdout"; stream: NodeJS.WritableStream };

const written = [".png", ".jpg", ".jpeg", ".webp"];
/** Endings that can only mean a picture, but not one that is written here. */
const otherPictures = [".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".jxl", ".ppm", ".svg"];

/**
 * Decides where pictures go, and finds out before any work that they can be written there.
 *
 * @throws UsageError naming `--out` and what would be right.
 */
export async function planOutput(
  out: string | undefined,
  input: GenerationInput | Recipe,
  flags: Pick<GenerateFlags, "json" | "saveLatent">,
  io?: Pick<CliIo, "stdout">,
): Promise<OutputPlan> {
  const count = countOf(input);
  const stem = stemOf(promptOf(input));
  if (out === undefined) return { kind: "folder", folder: "", stem };
  if (out === "-" && io === undefined) throw new UsageError("--out: must be a file or a folder here");
  if (out === "-") return toStandardOutput(io!.stdout, count, flags);
  if (out === "") throw new UsageError("--out: must be a .png file or a folder");
  const extension = extname(out).toLowerCase();
  const there = await kindOf(out);
  if (otherPictures.includes(extension)) {
    throw new UsageError(`--out: cannot write ${extension} files; use ${written.join(", ")}, or a folder`);
  }
  const isFile = written.includes(extension) && !/[\\/]$/.test(out) && there !== "folder";
  if (!isFile && there === "file") throw new UsageError(`--out: ${out} is a file; name a .png file or a folder`);
  if (isFile && count > 1) throw new UsageError(`--out: names one file, but --count asks for ${count}; name a folder`);
  if (isFile) checkFormat(out, extension, input);
  await checkWritable(isFile ? dirname(resolve(out)) : resolve(out));
  return isFile ? { kind: "file", path: out } : { kind: "folder", folder: out, stem };
}

function toStandardOutput(
  stream: NodeJS.WritableStream,
  count: number,
  { json, saveLatent }: Pick<GenerateFlags, "json" | "saveLatent">,
): OutputPlan {
  if (json) throw new UsageError("--out -: standard output cannot hold the picture and --json's object");
  if (saveLatent) throw new UsageError("--out -: the latent of --save-latent lies beside the picture's file; name one");
  if (count > 1) throw new UsageError(`--out -: standard output takes one picture, but --count asks for ${count}`);
  if ((stream as { isTTY?: boolean }).isTTY)
    throw new UsageError("--out -: standard output is a terminal here; send it to a file or a program");
  return { kind: "stdout", stream };
}

/** The file's ending says its format: another one in the request would be passed over. */
function checkFormat(out: string, extension: string, input: GenerationInput | Recipe): void {
  const own = extension === ".jpg" ? "jpeg" : extension.slice(1);
  const { format } = requestOf(input).output ?? {};
  const named = "request" in input ? undefined : format;
  if (named !== undefined && named !== own) throw new UsageError(`--format: is ${named}, but --out names ${out}`);
}

const maxStemBytes = 80;

/** A file name from a prompt, in whatever script it is written: no separators, and at most 80 bytes of UTF-8. */
export function stemOf(prompt: string): string {
  const words =
    prompt
      .normalize("NFC")
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  let stem = cut(words[0] ?? "");
  for (const word of words.slice(1)) {
    if (Buffer.byteLength(`${stem}-${word}`) > maxStemBytes) break;
    stem = `${stem}-${word}`;
  }
  return stem === "" ? "picture" : stem;
}

/** Cuts between characters as readers see them, so that no accent is parted from its letter. */
function cut(word: string): string {
  let kept = "";
  for (const { segment } of new Intl.Segmenter().segment(word)) {
    if (Buffer.byteLength(kept + segment) > maxStemBytes) break;
    kept += segment;
  }
  return kept;
}

/** The nearest folder that exists must take new files. */
async function checkWritable(folder: string): Promise<void> {
  const there = await kindOf(folder);
  if (there === "file") throw new UsageError(`--out: ${folder} is a file, where a folder is needed`);
  if (there === "nothing" && dirname(folder) !== folder) return checkWritable(dirname(folder));
  await access(folder, constants.W_OK | constants.X_OK).catch(() => {
    throw new UsageError(`--out: the folder ${folder} cannot be written to`);
  });
}

async function kindOf(path: string): Promise<"file" | "folder" | "nothing"> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch {
    return "nothing";
  }
}

interface Wanted {
  prompt?: unknown;
  count?: unknown;
  output?: { format?: string | undefined } | undefined;
}

function requestOf(input: GenerationInput | Recipe): Wanted {
  return ("request" in input ? input.request : input) as Wanted;
}

function promptOf(input: GenerationInput | Recipe): string {
  const { prompt } = requestOf(input);
  return typeof prompt === "string" ? prompt : "";
}

function countOf(input: GenerationInput | Recipe): number {
  const { count } = requestOf(input);
  return typeof count === "number" ? count : 1;
}
