import type { Value } from "./graph-builder.ts";
import type { Scope } from "./scope.ts";

/** Sizes of a convolution with a square kernel. */
export interface ConvOptions {
  inChannels: number;
  outChannels: number;
  /** Default 3. */
  kernel?: number;
  /** Default 1. */
  stride?: number;
  /** Zeros around the input; by default those that keep its size at stride 1. */
  padding?: number | readonly [top: number, left: number, bottom: number, right: number];
  /** Whether it adds a bias. Default true. */
  bias?: boolean;
  /** In how many parts channels are convolved, each by itself. Default 1. No adapter joins in where there are more. */
  groups?: number;
}

/** A 2D convolution of `[batch, inChannels, height, width]`. */
export function conv(scope: Scope, input: Value, options: ConvOptions): Value {
  const {
    inChannels,
    outChannels,
    kernel = 3,
    stride = 1,
    padding = (kernel - 1) >> 1,
    bias = true,
    groups = 1,
  } = options;
  const pads = typeof padding === "number" ? ([padding, padding, padding, padding] as const) : padding;
  const shape = [outChannels, inChannels / groups, kernel, kernel];
  const added = bias ? [scope.weight("bias", [outChannels])] : [];
  const inputs = [input, scope.weight("weight", shape), ...added];
  const attributes = {
    kernel_shape: { ints: [kernel, kernel] },
    strides: { ints: [stride, stride] },
    pads: { ints: pads },
    ...(groups > 1 && { group: { int: groups } }),
  };
  const output = scope.graph.node("Conv", inputs, { attributes });
  if (groups > 1) return output;
  const weight = scope.tensor("weight", shape);
  return scope.adapt({ kind: "conv", input, output, weight, rows: [0, outChannels], stride, padding: pads });
}
