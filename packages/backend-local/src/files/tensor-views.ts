import type { WeightTensor } from "./safetensors.ts";
import type { Weights } from "./weights.ts";

/**
 * Rows `from` to `to` of a tensor as one of its own: a stretch of the same bytes. Checkpoints that stack a layer's query, key
 * and value are read through it.
 */
export function rowsOf(tensor: WeightTensor, from: number, to: number): WeightTensor {
  const [all = 1, ...rest] = tensor.shape;
  const rowBytes = tensor.length / all;
  return {
    ...tensor,
    name: `${tensor.name}[${from}:${to}]`,
    shape: [to - from, ...rest],
    offset: tensor.offset + from * rowBytes,
    length: (to - from) * rowBytes,
    ...(tensor.scale && { scale: scaleOfRows(tensor.scale, from, to) }),
  };
}

/** A scale of one number is every row's. */
export function scaleOfRows(scale: WeightTensor, from: number, to: number): WeightTensor {
  return (scale.shape[0] ?? 1) === 1 ? scale : rowsOf(scale, from, to);
}

/** A matrix that was stored the other way round: its shape is that of the transposed one, its bytes stay as they are. */
export function transposed(tensor: WeightTensor): WeightTensor {
  return { ...tensor, shape: tensor.shape.toReversed(), transposed: true };
}

/** Weights under other names than their file's: `tensors` maps the name that is asked for to the tensor that answers. */
export function renamedWeights(source: string, tensors: ReadonlyMap<string, WeightTensor>): Weights {
  return { source, find: (name) => tensors.get(name), names: () => tensors.keys() };
}
