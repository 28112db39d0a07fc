import type { GraphBuilder, Value } from "../graph/graph-builder.ts";
import type { LayerAdapter, LayerCall } from "../graph/scope.ts";

/** A layer with a place for what adapters add: a product of low rank, or a weight of the layer's own size. */
export interface AdaptedLayer {
  readonly name: string;
  readonly form: "low-rank" | "dense";
}

/** Names of a layer's inputs in the graph. */
export const adapterInputs = {
  down: (layer: string) => `${layer}.down`,
  up: (layer: string) => `${layer}.up`,
  delta: (layer: string) => `${layer}.delta`,
};

/**
 * Gives layers a second way from input to output, over tensors that are fed with each run: switching adapters or changing
 * their strength feeds others, and touches no weight. Of any rank: `down` is `[rank, in]` (or `[rank, in, k, k]`), `up`
 * `[out, rank]`, `delta` as the weight.
 */
export function layerAdapter(layers: readonly AdaptedLayer[]): LayerAdapter {
  const forms = new Map(layers.map(({ name, form }) => [name, form]));
  const declared = new Map<string, Value>();
  return (graph, call) => {
    const form = forms.get(call.name);
    if (form === undefined) return call.output;
    const input = (name: string, dims: readonly (number | string)[]) => {
      const value = declared.get(name) ?? graph.input(name, "float32", dims);
      declared.set(name, value);
      return value;
    };
    const added = call.kind === "linear" ? linearDelta(graph, call, form, input) : convDelta(graph, call, form, input);
    return graph.node("Add", [call.output, added]);
  };
}

type Declare = (name: string, dims: readonly (number | string)[]) => Value;

function linearDelta(graph: GraphBuilder, call: LayerCall, form: AdaptedLayer["form"], input: Declare): Value {
  const { name, rows, weight } = call;
  const [out, inputs] = weight.shape as [number, number];
  // A call may make a part of the outputs alone: the same part of the rows.
  const part = (value: Value) =>
    rows[0] === 0 && rows[1] === out
      ? value
      : graph.node("Slice", [value, graph.ints([rows[0]]), graph.ints([rows[1]]), graph.ints([0])]);
  if (form === "dense") return product(graph, call.input, part(input(adapterInputs.delta(name), [out, inputs])));
  const rank = `${name}.rank`;
  const narrow = product(graph, call.input, input(adapterInputs.down(name), [rank, inputs]));
  return product(graph, narrow, part(input(adapterInputs.up(name), [out, rank])));
}

function convDelta(graph: GraphBuilder, call: LayerCall, form: AdaptedLayer["form"], input: Declare): Value {
  const { name, weight, stride = 1, padding = [0, 0, 0, 0] } = call;
  const [out, inputs, ...kernel] = weight.shape as [number, number, number, number];
  const attributes = { kernel_shape: { ints: kernel }, strides: { ints: [stride, stride] }, pads: { ints: padding } };
  const convolve = (value: Value) => graph.node("Conv", [call.input, value], { attributes });
  if (form === "dense") return convolve(input(adapterInputs.delta(name), [out, inputs, ...kernel]));
  const rank = `${name}.rank`;
  const narrow = convolve(input(adapterInputs.down(name), [rank, inputs, ...kernel]));
  const point = { kernel_shape: { ints: [1, 1] } };
  return graph.node("Conv", [narrow, input(adapterInputs.up(name), [out, rank, 1, 1])], { attributes: point });
}

/** `x·wᵀ`. */
function product(graph: GraphBuilder, x: Value, w: Value): Value {
  return graph.node("FusedMatMul", [x, w], { domain: "com.microsoft", attributes: { transB: { int: 1 } } });
}
