import { join } from "node:path";
import { type BatchInput, type BatchItem, type Client, LatentKitError, ManifestError } from "@latentkit/core";
import { openClient } from "../generate/open-client.ts";
import { exitCodeOf, reportError, UsageError } from "../report-error.ts";
import type { CliIo } from "../run-cli.ts";
import { onInterrupt } from "../terminal/interrupt.ts";
import { printable } from "../terminal/printable.ts";
import { type BatchBar, batchBar } from "./batch-bar.ts";
import { type ItemFlags, itemMaker, type MakeItem } from "./batch-items.ts";
import { countLines, type JsonLine, readJsonLines } from "./json-lines.ts";

/** What `latentkit batch` was given. */
export interface BatchFlags extends ItemFlags {
  backend?: string;
  url?: string;
  config?: string;
  out: string;
  manifest?: string;
  concurrency?: number;
  keepGoing?: boolean;
  onUnsupported?: "error" | "warn";
}

/** Lines of items that are drawn, by their position in the batch. */
type Lines = Map<number, number>;

/** Draws each line of a file. @returns the exit code. */
export async function runBatch(file: string, flags: BatchFlags, io: CliIo): Promise<number> {
  const interrupt = onInterrupt();
  let client: Client | undefined;
  let bar: BatchBar | undefined;
  const counts = { done: 0, failed: 0, skipped: 0 };
  try {
    const make = await itemMaker(flags);
    const total = await countLines(file).catch(() => undefined);
    client = await openClient(flags, { model: flags.model }, io.env);
    bar = await batchBar(io.stderr, total);
    const lines: Lines = new Map();
    const fail = (line: number, error: unknown) => {
      counts.failed++;
      tellFailure(line, error, io);
      bar?.update(counts);
    };
    const items = readItems(file, { make, lines, fail, keepGoing: flags.keepGoing === true, io });
    const { out, manifest = join(out, "manifest.jsonl"), concurrency = 1, keepGoing = false, onUnsupported } = flags;
    const options = { out, manifest, concurrency, keepGoing, signal: interrupt.signal, onUnsupported };
    for await (const item of client.batch(items, options)) {
      const line = lines.get(item.index) ?? 0;
      lines.delete(item.index);
      if (item.status === "failed") fail(line, item.error);
      else {
        counts[item.status]++;
        tell(line, item, io);
        bar.update(counts);
      }
    }
    bar.close();
    return counts.failed > 0 ? 1 : 0;
  } catch (error) {
    bar?.close();
    // A failure of an item was told with its line already.
    const isTold = counts.failed > 0 && !ManifestError.isInstance(error);
    const code = isTold ? exitCodeOf(error) : reportError(error, io);
    if (isTold || interrupt.signal.aborted) io.stderr.write(`latentkit: ${summary(counts)}; run it again to go on\n`);
    return interrupt.signal.aborted ? interrupt.exitCode : code;
  } finally {
    await client?.dispose().catch((error: unknown) => reportError(error, io));
    interrupt.release();
  }
}

interface Reading {
  make: MakeItem;
  lines: Lines;
  fail(line: number, error: unknown): void;
  keepGoing: boolean;
  io: CliIo;
}

/** A line that is no request is told by its number; with `--keep-going` the others go on. */
async function* readItems(file: string, { make, lines, fail, keepGoing, io }: Reading): AsyncGenerator<BatchInput> {
  let index = 0;
  for await (const line of readJsonLines(file, io)) {
    try {
      const item = itemOf(line, make);
      lines.set(index++, line.line);
      yield item;
    } catch (error) {
      fail(line.line, error);
      if (!keepGoing) throw error;
    }
  }
}

function itemOf(line: JsonLine, make: MakeItem): BatchInput {
  if (line.problem !== undefined) throw new UsageError(line.problem);
  return make(line);
}

function tell(line: number, { id, status, images, files }: BatchItem, { stdout }: CliIo): void {
  const seeds = new Map(images.map((image, i) => [files[i]?.path, image.seed]));
  const pictures = files.map(({ path, seed }) => ({ path, seed: seed ?? seeds.get(path) ?? null }));
  stdout.write(`${JSON.stringify({ line, id, status, images: pictures })}\n`);
}

function tellFailure(line: number, error: unknown, io: CliIo): void {
  const known = LatentKitError.isInstance(error)
    ? error.toJSON()
    : { message: error instanceof Error ? error.message : String(error) };
  io.stdout.write(`${JSON.stringify({ line, status: "failed", error: known })}\n`);
  const message = known.message.replace(/\s*\n\s*/g, " ");
  io.stderr.write(`latentkit: line ${line}: ${printable(message)}\n`);
}

function summary({ done, failed, skipped }: { done: number; failed: number; skipped: number }): string {
  return `${done} drawn, ${skipped} done before, ${failed} failed`;
}
