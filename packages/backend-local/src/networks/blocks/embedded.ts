import { type Activation, activate } from "../../graph/activation.ts";
import type { Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import type { Scope } from "../../graph/scope.ts";
import { timestepEmbedding } from "../../graph/timestep-embedding.ts";

/** What embeddings differ in. */
export interface EmbeddedOptions {
  /** Whether the layers have biases. Default true. */
  bias?: boolean;
  /** What stands between them. Default `silu`. */
  activation?: Activation;
}

/** Two layers `linear_1` and `linear_2` with an activation between them, from `inFeatures` to `width`. */
export function embedded(
  scope: Scope,
  x: Value,
  inFeatures: number,
  width: number,
  { bias = true, activation = "silu" }: EmbeddedOptions = {},
): Value {
  const wide = linear(scope.in("linear_1"), x, { inFeatures, outFeatures: width, bias });
  const active = activate(scope.graph, activation, wide);
  return linear(scope.in("linear_2"), active, { inFeatures: width, outFeatures: width, bias });
}

/** Numbers `[1]` (a timestep, a scale of guidance) as cosines and sines, embedded as {@link embedded}: `[1, width]`. */
export function embeddedWaves(
  scope: Scope,
  value: Value,
  dimension: number,
  width: number,
  options: EmbeddedOptions = {},
): Value {
  const waves = timestepEmbedding(scope.graph, value, { dimension, flipSinToCos: true, freqShift: 0 });
  return embedded(scope, waves, dimension, width, options);
}
