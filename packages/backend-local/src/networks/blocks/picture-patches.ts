import { conv } from "../../graph/conv.ts";
import type { Value } from "../../graph/graph-builder.ts";
import type { Scope } from "../../graph/scope.ts";
import { toTokens } from "../../graph/tokens.ts";

/** A picture's blocks of 2×2 squares as tokens `[1, tokens, width]`, by a convolution `proj`. */
export function picturePatches(scope: Scope, sample: Value, inChannels: number, width: number): Value {
  const sizes = { inChannels, outChannels: width, kernel: 2, stride: 2, padding: 0 };
  return toTokens(scope.graph, conv(scope.in("proj"), sample, sizes));
}
