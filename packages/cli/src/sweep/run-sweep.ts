import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  type Client,
  encodeImage,
  LatentKitError,
  type SweepCell,
  type SweepInput,
  saveFile,
  sweepResult,
} from "@latentkit/core";
import { batchBar } from "../batch/batch-bar.ts";
import { openClient } from "../generate/open-client.ts";
import { stemOf } from "../generate/output-plan.ts";
import { readSetting, withSettings } from "../generate/set-fields.ts";
import { reportError, UsageError } from "../report-error.ts";
import type { CliIo } from "../run-cli.ts";
import { onInterrupt } from "../terminal/interrupt.ts";

/** What `latentkit sweep` was given. */
export interface SweepFlags {
  backend?: string;
  model?: string;
  url?: string;
  config?: string;
  prompt?: string;
  negative?: string;
  seed?: string;
  vary?: string[];
  set?: string[];
  out: string;
  cell?: number;
  concurrency?: number;
  json?: boolean;
}

/** Draws every combination and its sheets. @returns the exit code. */
export async function runSweep(words: readonly string[], flags: SweepFlags, io: CliIo): Promise<number> {
  const interrupt = onInterrupt();
  let client: Client | undefined;
  try {
    const input = inputOf(words, flags);
    client = await openClient(flags, { model: flags.model }, io.env);
    const { concurrency = 1, out } = flags;
    const sweep = client.sweep(input, { concurrency, signal: interrupt.signal });
    const bar = await batchBar(io.stderr, sweep.combinations.length);
    const cells: SweepCell[] = [];
    const files: string[] = [];
    const counts = { done: 0, failed: 0, skipped: 0 };
    try {
      for await (const { index, ...cell } of sweep) {
        cells[index] = cell;
        if (cell.image !== undefined) files[index] = await cell.image.save(join(out, fileOf(cell, index)));
        counts[cell.image === undefined ? "failed" : "done"]++;
        bar.update(counts);
      }
    } finally {
      bar.close();
    }
    const result = sweepResult(sweep.axes, cells);
    const written = await writeSheets(result, files, { out, title: String(input.prompt ?? ""), cell: flags.cell });
    print(cells, files, written, flags, io);
    if (counts.failed > 0) io.stderr.write(`latentkit: ${counts.failed} of ${cells.length} combinations failed\n`);
    return counts.failed > 0 ? 1 : 0;
  } catch (error) {
    const code = reportError(error, io);
    return interrupt.signal.aborted ? interrupt.exitCode : code;
  } finally {
    await client?.dispose().catch((error: unknown) => reportError(error, io));
    interrupt.release();
  }
}

function inputOf(
  words: readonly string[],
  { prompt = words.join(" "), negative, seed = "0", model, vary = [], set = [] }: SweepFlags,
): SweepInput {
  const fixed = {
    ...(prompt === "" ? {} : { prompt }),
    seed,
    ...(negative === undefined ? {} : { negativePrompt: negative }),
    ...(model === undefined ? {} : { model }),
  };
  const axes = Object.fromEntries(vary.map(axisOf));
  return { ...withSettings(fixed, set.map(readSetting)), ...axes } as SweepInput;
}

/** `steps=5,10,20`; a value with commas in it is in a JSON list: `prompt=["a, b","c"]`. */
function axisOf(text: string): [string, unknown[]] {
  const [, field, values] = /^\s*([^=\s]+)\s*=(.+)$/s.exec(text) ?? [];
  if (field === undefined)
    throw new UsageError(`--vary: must be field=value,value, such as steps=5,10,20, not ${JSON.stringify(text)}`);
  const isJson = values!.trim().startsWith("[");
  const listed = isJson ? parseList(values!, text) : values!.split(",").map(readValue);
  return [field, listed];
}

function readValue(text: string): unknown {
  return readSetting(`x=${text.trim()}`).value;
}

function parseList(values: string, text: string): unknown[] {
  try {
    return JSON.parse(values) as unknown[];
  } catch {
    throw new UsageError(`--vary: ${JSON.stringify(text)} is no JSON list`);
  }
}

function fileOf({ values }: SweepCell, index: number): string {
  const told = Object.entries(values).map(([field, value]) =>
    stemOf(`${field} ${typeof value === "string" ? value : JSON.stringify(value)}`),
  );
  return `${String(index).padStart(4, "0")}-${told.join("-").slice(0, 120)}.png`;
}

async function writeSheets(
  result: ReturnType<typeof sweepResult>,
  files: readonly string[],
  { out, title, cell }: { out: string; title: string; cell: number | undefined },
): Promise<string[]> {
  await mkdir(out, { recursive: true });
  const paths = ["sheet.png", "sheet.html", "sweep.jsonl"].map((name) => join(out, name));
  const sheet = await result.contactSheet({ title, ...(cell === undefined ? {} : { cell }) });
  const lines = result.cells.map(({ values, image, error }, i) =>
    JSON.stringify({
      values,
      ...(image === undefined ? { error: messageOf(error) } : { path: files[i], recipe: image.recipe }),
    }),
  );
  const html = await result.html((_, i) => encodeURIComponent(basename(files[i]!)));
  await saveFile(paths[0]!, await encodeImage(sheet, "png"));
  await saveFile(paths[1]!, Buffer.from(html));
  await saveFile(paths[2]!, Buffer.from(`${lines.join("\n")}\n`));
  return paths;
}

function print(
  cells: readonly SweepCell[],
  files: readonly string[],
  sheets: readonly string[],
  { json }: SweepFlags,
  { stdout }: CliIo,
): void {
  if (!json) return void stdout.write(`${sheets.join("\n")}\n`);
  const told = cells.map(({ values, image, error }, i) => ({
    values,
    ...(image === undefined ? { error: messageOf(error) } : { path: files[i], recipe: image.recipe }),
  }));
  stdout.write(`${JSON.stringify({ sheets, cells: told }, undefined, 2)}\n`);
}

function messageOf(error: unknown): string {
  return LatentKitError.isInstance(error) || error instanceof Error ? error.message : "failed";
}
