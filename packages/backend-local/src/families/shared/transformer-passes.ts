import type { Tensor } from "onnxruntime-node";
import type { Network } from "../../engine/network.ts";
import type { Runtime } from "../../engine/runtime.ts";
import type { Denoiser, LatentDims } from "../family.ts";
import { fromPatches, type PatchOrder, toPatches } from "./latent-patches.ts";
import type { Rows } from "./rows.ts";
import type { Condition } from "./steered-passes.ts";

/** One run of a network in step `index`: what it makes of a latent at a timestep, shown a condition, and what is beside the latent. */
export type Pass = (
  latent: Float32Array,
  timestep: number,
  condition: Condition,
  beside: Float32Array | undefined,
  index: number,
) => Promise<Float32Array>;

/**
 * Passes one after the other, each over its own condition: texts of different lengths share no run, and a transformer is no slower so.
 * With fewer passes than conditions, it is the last ones that count.
 */
export function onePassEach(conditions: readonly Condition[], pass: Pass): Denoiser["predict"] {
  return async (latent, timestep, index, { uncond }, beside) => {
    const outputs: Float32Array[] = [];
    for (const each of uncond ? conditions : conditions.slice(-1))
      outputs.push(await pass(latent, timestep, each, beside, index));
    return outputs;
  };
}

/** Rows as a network's inputs. */
export function toFeeds({ Tensor: Made }: Runtime, rows: Condition): Record<string, Tensor> {
  const made = ([name, { data, dims }]: [string, Rows]) => [name, new Made("float32", data, dims)] as const;
  return Object.fromEntries(Object.entries(rows).map(made));
}

/** A timestep `[1]`, as a pipeline gives a level from 0 to 1 to a transformer that counts to 1000: rounded to single precision twice. */
export function timestepRow(timestep: number): Rows {
  return { data: Float32Array.of(Math.fround(timestep / 1000) * 1000), dims: [1] };
}

/** What transformers of patches differ in. */
export interface PatchedPassOptions {
  /** Default: channels first. */
  order?: PatchOrder;
  /** How the network is told a timestep. Default: {@link timestepRow}. */
  timeOf?: (timestep: number) => Rows;
  /** Whether its output is of the flow from noise to picture. */
  negated?: boolean;
}

/** Runs of a transformer that takes a latent as tokens of 2×2 squares (`image`), and a `timestep`, and makes their `velocity`. */
export function patchedPass(
  runtime: Runtime,
  transformer: Network,
  dims: LatentDims,
  signal: AbortSignal,
  { order = "channels first", timeOf = timestepRow, negated = false }: PatchedPassOptions = {},
): Pass {
  const [channels, height, width] = dims;
  return async (latent, timestep, condition) => {
    const data = toPatches(latent, dims, order);
    const image = { data, dims: [1, (height * width) / 4, 4 * channels] };
    const feeds = toFeeds(runtime, { ...condition, image, timestep: timeOf(timestep) });
    const { data: tokens } = await transformer.run(feeds, "velocity", signal);
    const made = fromPatches(tokens as Float32Array, dims, order);
    return negated ? made.map((value) => -value) : made;
  };
}
