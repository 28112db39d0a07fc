import type { Tensor } from "onnxruntime-node";
import type { Runtime } from "../../engine/runtime.ts";
import type { Denoiser } from "../family.ts";
import type { Rows } from "./rows.ts";
import type { Condition } from "./steered-passes.ts";

/** One run of a network: what it makes of a latent at a timestep, shown a condition, and what is beside the latent. */
export type Pass = (
  latent: Float32Array,
  timestep: number,
  condition: Condition,
  beside?: Float32Array,
) => Promise<Float32Array>;

/**
 * Passes one after the other, each over its own condition: texts of different lengths share no run, and a transformer is no slower so.
 * With fewer passes than conditions, it is the last ones that count.
 */
export function onePassEach(conditions: readonly Condition[], pass: Pass): Denoiser["predict"] {
  return async (latent, timestep, _index, { uncond }, beside) => {
    const outputs: Float32Array[] = [];
    for (const each of uncond ? conditions : conditions.slice(-1))
      outputs.push(await pass(latent, timestep, each, beside));
    return outputs;
  };
}

/** Rows as a network's inputs. */
export function toFeeds({ Tensor: Made }: Runtime, rows: Condition): Record<string, Tensor> {
  const made = ([name, { data, dims }]: [string, Rows]) => [name, new Made("float32", data, dims)] as const;
  return Object.fromEntries(Object.entries(rows).map(made));
}
