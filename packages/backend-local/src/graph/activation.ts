import type { GraphBuilder, Value } from "./graph-builder.ts";

/** Activations by the names that configurations give them. */
const activations = {
  silu,
  swish: silu,
  quick_gelu: (graph: GraphBuilder, x: Value) => quickGelu(graph, x, 1.702),
  gelu: (graph: GraphBuilder, x: Value) => graph.node("Gelu", [x]),
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  relu: (graph: GraphBuilder, x: Value) => graph.node("Relu", [x]),
  mish: (graph: GraphBuilder, x: Value) => graph.node("Mish", [x]),
};

/** Name of an activation. */
export type Activation = keyof typeof activations;

/** Every {@link Activation}. */
export const activationNames = Object.keys(activations) as [Activation, ...Activation[]];

/** Applies an activation elementwise. */
export function activate(graph: GraphBuilder, name: Activation, x: Value): Value {
  return activations[name](graph, x);
}

/** GELU by its approximation with a hyperbolic tangent (Hendrycks & Gimpel 2016). */
function geluTanh(graph: GraphBuilder, x: Value): Value {
  return graph.node("Gelu", [x], { attributes: { approximate: { string: "tanh" } } });
}

/** `x·sigmoid(x)`, by the runtime's one kernel for `x·sigmoid(αx)`. */
function silu(graph: GraphBuilder, x: Value): Value {
  return quickGelu(graph, x, 1);
}

function quickGelu(graph: GraphBuilder, x: Value, alpha: number): Value {
  return graph.node("QuickGelu", [x], { domain: "com.microsoft", attributes: { alpha: { float: alpha } } });
}
