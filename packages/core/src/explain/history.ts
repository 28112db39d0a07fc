import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { GenerationResult } from "../result.ts";

/** How long one job took, for estimates. */
export interface HistoryEntry {
  backend: string;
  /** The model's hash, or its id. */
  model: string;
  task: string;
  width: number;
  height: number;
  steps: number;
  count: number;
  /** Milliseconds of sampling, over all pictures. */
  sampleMs: number;
  /** Milliseconds of all else but waiting and bringing up the model. */
  otherMs: number;
  memoryBytes?: number;
}

/** Where a client keeps how long its jobs took. */
export interface History {
  record(entry: HistoryEntry): void | Promise<void>;
  /** The newest last. */
  entries(): readonly HistoryEntry[] | Promise<readonly HistoryEntry[]>;
}

const most = 1000;

/** Keeps the last thousand jobs of this process. */
export function memoryHistory(): History {
  const kept: HistoryEntry[] = [];
  return {
    record(entry) {
      kept.push(entry);
      if (kept.length > most) kept.shift();
    },
    entries: () => kept,
  };
}

/** Keeps the last jobs in a file of JSON lines, for this and later processes. A file that cannot be read or written costs no job. */
export function fileHistory(path: string): History {
  const read = async (): Promise<HistoryEntry[]> => {
    const text = await readFile(path, "utf8").catch(() => "");
    return text
      .split("\n")
      .flatMap((line) => entryIn(line))
      .slice(-most);
  };
  let written = 0;
  return {
    async record(entry) {
      try {
        await mkdir(dirname(path), { recursive: true });
        await appendFile(path, `${JSON.stringify(entry)}\n`);
        if (++written % most === 0)
          await writeFile(path, `${(await read()).map((one) => JSON.stringify(one)).join("\n")}\n`);
      } catch {
        // An estimate is worth less than a picture.
      }
    },
    entries: read,
  };
}

function entryIn(line: string): HistoryEntry[] {
  try {
    const entry = JSON.parse(line) as HistoryEntry;
    return typeof entry.sampleMs === "number" && typeof entry.steps === "number" ? [entry] : [];
  } catch {
    return [];
  }
}

/** What a job's result says of its time; undefined where it lacks what an estimate needs. */
export function entryOf({ recipe, timings, metrics, images }: GenerationResult): HistoryEntry | undefined {
  const { request, backend, model } = recipe;
  const { width, height, steps, task } = request;
  if (metrics.cached === true || images.length === 0 || !width || !height || !steps || model === undefined)
    return undefined;
  const { totalMs, queueMs, loadMs } = timings;
  const busyMs = Math.max(0, totalMs - queueMs - loadMs);
  const sampleMs = timings.sampleMs > 0 ? timings.sampleMs : busyMs;
  const memory = [metrics.peakMemoryBytes, metrics.memoryBytes].find((value) => typeof value === "number");
  return {
    backend,
    model: model.hash ?? model.id,
    task,
    width,
    height,
    steps,
    count: images.length,
    sampleMs,
    otherMs: Math.max(0, busyMs - sampleMs),
    ...(memory === undefined ? {} : { memoryBytes: memory as number }),
  };
}
