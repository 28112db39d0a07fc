import type { Capabilities } from "../capabilities.ts";
import type { GenerationRequest } from "../request/request.ts";
import type { HistoryEntry } from "./history.ts";

/** What a request will take, as far as it is known. */
export interface Estimate {
  images: number;
  /** Steps of each picture. */
  steps?: number;
  /** Milliseconds for all pictures without waiting and bringing up the model: from jobs of the same model on this machine. */
  ms?: number;
  /** How many jobs that is from. */
  basedOn?: number;
  /** The most memory that such a job took; else, beside the model's weights, what its backend knows it to take. */
  memoryBytes?: number;
  /** US dollars for all pictures. */
  usd?: number;
}

const recent = 20;

/** Sampling takes time in proportion to steps and, near enough, to pixels; all else to pictures and pixels. */
export function estimateOf(
  request: GenerationRequest,
  {
    backend,
    model,
    usdPerImage,
    memory: taken,
    defaults = {},
  }: Pick<Capabilities, "backend" | "model" | "usdPerImage" | "memory" | "defaults">,
  history: readonly HistoryEntry[],
): Estimate {
  const { count } = request;
  const usd = usdPerImage === undefined ? {} : { usd: usdPerImage * count };
  const name = model?.hash ?? model?.id;
  const like = history.filter(
    (entry) => entry.backend === backend && entry.model === name && entry.task === request.task,
  );
  const last = like.at(-1);
  const steps = request.steps ?? last?.steps ?? defaults.steps;
  const known = { images: count, ...(steps === undefined ? {} : { steps }), ...usd };
  const [width, height] = [
    request.width ?? last?.width ?? defaults.width,
    request.height ?? last?.height ?? defaults.height,
  ];
  const planned = plannedOf(taken, width, height);
  if (last === undefined || steps === undefined || width === undefined || height === undefined)
    return { ...known, ...planned };
  const same = like.filter((entry) => entry.width === width && entry.height === height);
  const from = (same.length > 0 ? same : like).slice(-recent);
  const perStep = median(
    from.map(({ sampleMs, count: made, steps: run, ...size }) => (sampleMs / (made * run)) * scale(size)),
  );
  const perImage = median(from.map(({ otherMs, count: made, ...size }) => (otherMs / made) * scale(size)));
  const memory = Math.max(0, ...from.flatMap(({ memoryBytes }) => memoryBytes ?? []));
  return {
    ...known,
    ms: Math.round((perStep * steps + perImage) * count),
    basedOn: from.length,
    ...(memory > 0 ? { memoryBytes: memory } : planned),
  };

  function scale(of: { width: number; height: number }): number {
    return (width! * height!) / (of.width * of.height);
  }
}

function plannedOf(taken: Capabilities["memory"], width: number | undefined, height: number | undefined) {
  if (taken === undefined || width === undefined || height === undefined) return {};
  const { baseBytes, bytesPerPixel, mostBytes = Number.POSITIVE_INFINITY } = taken;
  return { memoryBytes: Math.round(Math.min(mostBytes, baseBytes + bytesPerPixel * width * height)) };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
