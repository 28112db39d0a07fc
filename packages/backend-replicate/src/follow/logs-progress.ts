import type { Phase } from "@latentkit/core";

/** What one line of a model's log says. */
export type LogLine = { kind: "progress"; progress: LogProgress } | { kind: "text"; text: string };

/** A step that a log line reports. */
export interface LogProgress {
  phase: Phase;
  step: number;
  steps: number;
  /** Milliseconds left, where the line tells. */
  etaMs?: number;
}

/** tqdm: `Sampling:  50%|█████     | 10/20 [00:02<00:02,  4.1it/s]`. */
const tqdm =
  /^(?:(.*?):)?\s*(\d{1,3})%\|[^|]*\|\s*([\d.]+)([kMG]?)\/([\d.]+)([kMG]?)(?:\s*\[[^<\]]*<([\d:?]+)[^\]]*\])?/;
/** `Step 10/20`, `step: 10 of 20`, `[10/20]`, `Iteration 10 / 20`. */
const counted =
  /^(?:\[|.*?\b(?:step|iter(?:ation)?|denoising|sampling|progress|epoch)s?\b\W{0,3})(\d+)\s*(?:\/|of)\s*(\d+)\b/i;
/** `50%` alone, or with a word before it. */
const percent = /^(?:([A-Za-z][\w ]{0,40}?)\s*[:-]?\s*)?(\d{1,3})(?:\.\d+)?\s?%(?:\s*(?:done|complete[d]?))?$/i;
/** `Using seed: 1234`. */
const seeded = /\bseed(?:\s+is|\s*[:=])?\s+(\d{1,20})\b|\bseed[:=](\d{1,20})\b/i;

const unit: Readonly<Record<string, number>> = { "": 1, k: 1e3, M: 1e6, G: 1e9 };

/** Reads one line, without its line break. */
export function readLogLine(line: string): LogLine | undefined {
  const text = line.trimEnd();
  if (text.trim() === "") return undefined;
  const progress = readTqdm(text) ?? readCounted(text) ?? readPercent(text);
  return progress === undefined ? { kind: "text", text } : { kind: "progress", progress };
}

/** The seed that a line announces. */
export function readSeed(line: string): string | undefined {
  const match = seeded.exec(line);
  return match?.[1] ?? match?.[2];
}

/** Splits what was added to a log into whole lines; tqdm redraws its line after a carriage return. */
export function splitLines(text: string): { lines: string[]; rest: string } {
  const parts = text.split(/\r\n|[\r\n]/);
  return { rest: parts.pop() ?? "", lines: parts };
}

function readTqdm(text: string): LogProgress | undefined {
  const [, label = "", , done, doneUnit = "", total, totalUnit = "", left] = tqdm.exec(text.trimStart()) ?? [];
  if (done === undefined || total === undefined) return undefined;
  const step = Number(done) * unit[doneUnit]!;
  const steps = Number(total) * unit[totalUnit]!;
  const etaMs = left === undefined ? undefined : parseClock(left);
  if (!(steps > 0) || step > steps) return undefined;
  return { phase: phaseOf(label), step, steps, ...(etaMs === undefined ? {} : { etaMs }) };
}

function readCounted(text: string): LogProgress | undefined {
  const [, done, total] = counted.exec(text.trim()) ?? [];
  const [step, steps] = [Number(done), Number(total)];
  return total === undefined || steps === 0 || step > steps ? undefined : { phase: phaseOf(text), step, steps };
}

function readPercent(text: string): LogProgress | undefined {
  const [, label = "", value] = percent.exec(text.trim()) ?? [];
  return value === undefined || Number(value) > 100
    ? undefined
    : { phase: phaseOf(label), step: Number(value), steps: 100 };
}

function phaseOf(label: string): Phase {
  if (/load|fetch|download|weights|checkpoint|shard/i.test(label)) return "load";
  if (/decod|\bvae\b/i.test(label)) return "decode";
  if (/encod|caption|preprocess/i.test(label)) return "encode";
  if (/upload/i.test(label)) return "download";
  return "sample";
}

/** `01:02:03` or `02:03` as milliseconds. */
function parseClock(clock: string): number | undefined {
  const parts = clock.split(":").map(Number);
  if (parts.some((part) => Number.isNaN(part))) return undefined;
  return parts.reduce((total, part) => total * 60 + part, 0) * 1000;
}
