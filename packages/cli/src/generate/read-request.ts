import { readFile } from "node:fs/promises";
import { type GenerationInput, isRecipe } from "@latentkit/core";
import { UsageError } from "../report-error.ts";
import type { CliIo } from "../run-cli.ts";
import { readStandardInput } from "./standard-input.ts";

/** The request in a JSON file, or on standard input where it is `-`. @throws UsageError naming `--request`. */
export async function readRequest(file: string, io: CliIo): Promise<Partial<GenerationInput>> {
  const where = file === "-" ? "standard input" : file;
  const text = file === "-" ? await readStandardInput(io, "--request") : await readText(file);
  const request = parse(text.replace(/^\uFEFF/, ""), where);
  if (typeof request !== "object" || request === null || Array.isArray(request))
    throw new UsageError(`--request: ${where} must hold one JSON object, such as {"prompt": "a red apple"}`);
  if (isRecipe(request)) throw new UsageError(`--request: ${where} holds a recipe; give it as --recipe`);
  return request as Partial<GenerationInput>;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new UsageError(`--request: the file cannot be read: ${file} (${(cause as NodeJS.ErrnoException).code})`);
  }
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`--request: ${where} is no JSON: ${(cause as Error).message}`);
  }
}
