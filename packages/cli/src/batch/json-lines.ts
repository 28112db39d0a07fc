import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { UsageError } from "../report-error.ts";
import type { CliIo } from "../run-cli.ts";

/** A line of a JSONL file: its number, from 1, and its object, or what is wrong with it. */
export interface JsonLine {
  line: number;
  value?: Record<string, unknown>;
  problem?: string;
}

/** Reads a JSONL file, or standard input where it is `-`, line by line and no faster than it is asked. Empty lines are passed over. */
export async function* readJsonLines(file: string, io: CliIo): AsyncGenerator<JsonLine> {
  const input = await open(file, io);
  let line = 0;
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      line++;
      const clean = line === 1 ? text.replace(/^\uFEFF/, "") : text;
      if (clean.trim() !== "") yield { line, ...parse(clean) };
    }
  } finally {
    if (file !== "-") (input as ReturnType<typeof createReadStream>).destroy();
  }
}

/** How many lines a file has; undefined for standard input, which is read only once. */
export async function countLines(file: string): Promise<number | undefined> {
  if (file === "-") return undefined;
  let lines = 0;
  for await (const text of createInterface({ input: createReadStream(file) })) if (text.trim() !== "") lines++;
  return lines;
}

async function open(file: string, { stdin }: CliIo): Promise<NodeJS.ReadableStream> {
  if (file === "-") {
    if (stdin === undefined || (stdin as { isTTY?: boolean }).isTTY)
      throw new UsageError("-: reads standard input, which is a terminal here; pipe JSON lines into it");
    return stdin;
  }
  const there = await stat(file).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(`the file cannot be read: ${file} (${cause.code ?? "unknown reason"})`);
  });
  if (!there.isFile()) throw new UsageError(`${file} is no file`);
  return createReadStream(file);
}

function parse(text: string): Omit<JsonLine, "line"> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return { value: value as Record<string, unknown> };
    return { problem: 'must be a JSON object, such as {"prompt": "a red apple"}' };
  } catch (error) {
    return { problem: `is no JSON: ${(error as Error).message}` };
  }
}
