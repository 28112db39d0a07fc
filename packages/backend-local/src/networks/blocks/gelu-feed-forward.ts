import { activate } from "../../graph/activation.ts";
import type { Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import type { Scope } from "../../graph/scope.ts";

/** Two layers with a GELU between them, four times as wide. */
export function geluFeedForward(scope: Scope, x: Value, width: number): Value {
  const wide = linear(scope.in("0.proj"), x, { inFeatures: width, outFeatures: 4 * width });
  const active = activate(scope.graph, "gelu_new", wide);
  return linear(scope.in(2), active, { inFeatures: 4 * width, outFeatures: width });
}
