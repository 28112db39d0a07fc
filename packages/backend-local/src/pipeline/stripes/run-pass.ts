import type { InferenceSession, Tensor } from "onnxruntime-node";
import type { Network } from "../../engine/network.ts";
import type { Runtime } from "../../engine/runtime.ts";
import { type ChannelMoments, merged } from "./group-moments.ts";
import type { Pass } from "./plan-stripes.ts";

/** Bytes of a stripe's widest layer. More is not faster, and several of it are there at once. */
export const defaultStripeBytes = 64 * 2 ** 20;

/** What a pass works on. Rows lie one after the other, `[channels, width]` each. */
export interface PassRun {
  pass: Pass;
  network: Network;
  runtime: Runtime;
  /** What it reads: the rows of `pass.from`. */
  source: Float32Array;
  /** What the second half of a residual block reads beside: the first half's rows. */
  side?: Float32Array | undefined;
  /** The moments that its normalisations go by. */
  norms: Readonly<Record<string, Tensor>>;
  /** Where its rows go; may be `source`, which they then take the place of. */
  target?: Float32Array | undefined;
  /** Called with its rows in place of a target. */
  write?: ((rows: Float32Array, from: number) => void) | undefined;
  /** Most bytes of a stripe's widest layer. Default 64 MB. */
  stripeBytes?: number | undefined;
  onStripe?: (() => void) | undefined;
  signal: AbortSignal;
}

/**
 * Runs a stage over a picture, stripe by stripe, and gives its result's moments. A stripe is read with some rows of its neighbours, and the
 * result's rows that would have needed more are left off, so that no seam comes to be. In place, it goes to the end where the rows grow
 * and to the beginning where they shrink, and keeps the rows that the next stripe still needs.
 */
export async function runPass(run: PassRun): Promise<ChannelMoments | undefined> {
  const { pass, network, source, target, write, signal } = run;
  const { from, out } = pass;
  const [inLength, outLength] = [from.channels * from.width, out.channels * out.width];
  const times = out.rows / from.rows;
  const height = stripeRows(pass, run.stripeBytes);
  const starts = Array.from({ length: stripeCount(pass, run.stripeBytes) }, (_, i) => i * height);
  const upwards = target === source && outLength * times >= inLength;
  if (upwards) starts.reverse();

  let moments: ChannelMoments | undefined;
  let saved: { from: number; rows: Float32Array } | undefined;
  for (const start of starts) {
    const end = Math.min(start + height, out.rows);
    const [first, last] = [start / times, end / times];
    // Halving takes a row more at the end alone.
    const above = pass.stage.part === "down" ? 0 : pass.margin;
    const [begin, stop] = [Math.max(0, first - above), Math.min(from.rows, last + pass.margin)];
    const x = source.slice(begin * inLength, stop * inLength);
    if (saved) restore(x, begin, stop, saved, inLength);
    if (target === source)
      saved = edge(x, begin, upwards ? first : Math.max(first, last - pass.margin), pass.margin, inLength);
    const feeds = feedsOf(run, { x, begin, stop, start, end, times });
    const outputs = pass.stage.part === "head" ? ["rows"] : ["rows", "mean", "squares"];
    const [rows, mean, squares] = (await network.runAll(feeds, outputs, signal)).map(
      ({ data }) => data as Float32Array,
    );
    target?.set(rows!, start * outLength);
    write?.(rows!, start);
    if (mean && squares) {
      const exact = { mean: Float64Array.from(mean), squares: Float64Array.from(squares) };
      moments = merged(moments, { count: (end - start) * out.width, ...exact });
    }
    giveBack(x);
    giveBack(rows!);
    run.onStripe?.();
  }
  return moments;
}

/** Gives an array's memory back at once. Collected in its own time, a stripe's would be there many times over. */
export function giveBack({ buffer }: Float32Array): void {
  (buffer as ArrayBuffer).transfer(0);
}

/** How many stripes a pass has. */
export function stripeCount(pass: Pass, bytes?: number | undefined): number {
  return Math.ceil(pass.out.rows / stripeRows(pass, bytes));
}

/** Rows of a stripe of the result: even, as few as keep its widest layer within bounds. */
function stripeRows({ stage, from, out }: Pass, bytes = defaultStripeBytes): number {
  const enter = "enter" in stage ? stage.enter : undefined;
  const read = (from.channels * from.width * from.rows) / out.rows;
  const widest = Math.max(read, out.channels * out.width, (enter?.to ?? 0) * out.width);
  return 2 * Math.max(2, Math.floor(bytes / 4 / widest / 2));
}

/** Puts back the rows of a stripe's input that its neighbour's result has taken the place of. */
function restore(
  x: Float32Array,
  begin: number,
  stop: number,
  saved: { from: number; rows: Float32Array },
  length: number,
): void {
  const until = Math.min(stop, saved.from + saved.rows.length / length);
  const since = Math.max(begin, saved.from);
  if (since < until)
    x.set(saved.rows.subarray((since - saved.from) * length, (until - saved.from) * length), (since - begin) * length);
}

function edge(x: Float32Array, begin: number, from: number, count: number, length: number) {
  const at = (from - begin) * length;
  return { from, rows: x.slice(at, at + count * length) };
}

interface StripeBounds {
  x: Float32Array;
  begin: number;
  stop: number;
  start: number;
  end: number;
  times: number;
}

function feedsOf(
  { pass, runtime: { Tensor }, side, norms }: PassRun,
  bounds: StripeBounds,
): InferenceSession.OnnxValueMapType {
  const { stage, from, out } = pass;
  const { x, begin, stop, start, end, times } = bounds;
  const index = (value: number) => new Tensor("int64", BigInt64Array.of(BigInt(value)), [1]);
  const crop = (name: string, origin: number) => ({
    [`${name}.from`]: index(start - origin),
    [`${name}.to`]: index(end - origin),
  });
  const feeds = { x: new Tensor("float32", x, [stop - begin, from.channels, from.width]), ...norms };
  if (stage.part === "down") return feeds;
  if (stage.part !== "second") return { ...feeds, ...crop("x", begin * times) };
  const length = out.channels * out.width;
  const h = side!.subarray(begin * length, stop * length);
  const dims = [stop - begin, out.channels, out.width];
  return { ...feeds, h: new Tensor("float32", h, dims), ...crop("x", begin), ...crop("h", begin) };
}
