import { type Activation, activate } from "../../graph/activation.ts";
import type { Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import type { Scope } from "../../graph/scope.ts";

/** Sizes of a gated feed-forward, and what its three layers are called. */
export interface GatedFeedForwardOptions {
  features: number;
  inner: number;
  names: { gate: string; value: string; out: string };
  /** Default `silu`: SwiGLU. */
  activation?: Activation;
  bias?: boolean;
}

/** {@link gatedFeedForward} by SiLU whose gate and value are the halves of one layer `linear_in`, as in FLUX.2. */
export function stackedFeedForward(scope: Scope, x: Value, features: number, inner: number): Value {
  const { graph } = scope;
  const half = (rows: readonly [number, number]) =>
    linear(scope.in("linear_in"), x, { inFeatures: features, outFeatures: 2 * inner, bias: false, rows });
  const gated = graph.node("Mul", [activate(graph, "silu", half([0, inner])), half([inner, 2 * inner])]);
  return linear(scope.in("linear_out"), gated, { inFeatures: inner, outFeatures: features, bias: false });
}

/** `out(act(gate(x)) · value(x))`: a gated linear unit (Shazeer 2020) and a projection. */
export function gatedFeedForward(
  scope: Scope,
  x: Value,
  { features, inner, names, activation = "silu", bias = false }: GatedFeedForwardOptions,
): Value {
  const { graph } = scope;
  const wide = (name: string) => linear(scope.in(name), x, { inFeatures: features, outFeatures: inner, bias });
  const gated = graph.node("Mul", [activate(graph, activation, wide(names.gate)), wide(names.value)]);
  return linear(scope.in(names.out), gated, { inFeatures: inner, outFeatures: features, bias });
}
