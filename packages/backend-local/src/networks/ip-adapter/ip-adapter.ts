import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import { attention } from "../../graph/attention.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { layerNorm } from "../../graph/norm.ts";
import { Scope } from "../../graph/scope.ts";
import { type NetworkGraph, networkGraph } from "../network-graph.ts";

/** What an IP-Adapter's tensors say of it. */
export interface IPAdapterShape {
  /** How it looks at a picture: through CLIP's embedding of the whole, or through a resampler of its tokens. */
  kind: "plain" | "plus";
  /** Width of what the image encoder gives it. */
  inputs: number;
  /** Width of the text that its vectors stand beside. */
  width: number;
  /** How many vectors a picture becomes. */
  tokens: number;
  /** Of a resampler: its own width, and its layers. */
  inner: number;
  layers: number;
  /** Channels of each of the UNet's cross-attentions, in the file's order. */
  channels: readonly number[];
}

/** Names of an IP-Adapter's outputs for cross-attention `i`, in the file's order. */
export const ipOutputs = (i: number) => [`key.${i}`, `value.${i}`] as const;

/**
 * An IP-Adapter (Ye et al. 2023, https://arxiv.org/abs/2308.06721), whole: what the UNet's cross-attentions look at in place of text, for
 * all steps at once.
 *
 * Input: `image` `[pictures, inputs]`, or of a resampler `[pictures, patches, inputs]`. Outputs: {@link ipOutputs}, `[pictures, tokens, channels]`.
 *
 * @throws {@link ModelError} for tensors that are missing or misshapen.
 */
export function buildIPAdapter(shape: IPAdapterShape, weights: Weights): NetworkGraph {
  const graph = new GraphBuilder("IPAdapter");
  const root = new Scope(graph, weights);
  const seen =
    shape.kind === "plain" ? projected(root.in("image_proj"), shape) : resampled(root.in("image_proj"), shape);
  for (const [i, channels] of shape.channels.entries()) {
    const scope = root.in("ip_adapter", 2 * i + 1);
    const sizes = { inFeatures: shape.width, outFeatures: channels, bias: false };
    const dims = ["pictures", shape.tokens, channels];
    const [key, value] = ipOutputs(i);
    graph.output(linear(scope.in("to_k_ip"), seen, sizes), key, "float32", dims);
    graph.output(linear(scope.in("to_v_ip"), seen, sizes), value, "float32", dims);
  }
  return networkGraph(graph);
}

function projected(scope: Scope, { inputs, width, tokens }: IPAdapterShape): Value {
  const { graph } = scope;
  const image = graph.input("image", "float32", ["pictures", inputs]);
  const wide = linear(scope.in("proj"), image, { inFeatures: inputs, outFeatures: tokens * width });
  return layerNorm(scope.in("norm"), graph.node("Reshape", [wide, graph.ints([-1, tokens, width])]), width);
}

/** A perceiver's resampler (Alayrac et al. 2022), whose heads are 64 wide. */
function resampled(scope: Scope, { inputs, width, tokens, inner, layers }: IPAdapterShape): Value {
  const { graph } = scope;
  const image = graph.input("image", "float32", ["pictures", "patches", inputs]);
  const axis = (at: number) => ({ attributes: { axis: { int: at } } });
  const pictures = graph.node("Shape", [image], { attributes: { end: { int: 1 } } });
  const shape = graph.node("Concat", [pictures, graph.ints([tokens, inner])], axis(0));
  let latents = graph.node("Expand", [scope.weight("latents", [1, tokens, inner]), shape]);
  const x = linear(scope.in("proj_in"), image, { inFeatures: inputs, outFeatures: inner });
  for (let i = 0; i < layers; i++) {
    const own = scope.in("layers", i);
    const attend = own.in(0);
    const [seen, asking] = [layerNorm(attend.in("norm1"), x, inner), layerNorm(attend.in("norm2"), latents, inner)];
    const all = graph.node("Concat", [seen, asking], axis(1));
    const both = { inFeatures: inner, outFeatures: 2 * inner, bias: false };
    const query = linear(attend.in("to_q"), asking, { inFeatures: inner, outFeatures: inner, bias: false });
    const key = linear(attend.in("to_kv"), all, { ...both, rows: [0, inner] });
    const value = linear(attend.in("to_kv"), all, { ...both, rows: [inner, 2 * inner] });
    const attended = attention(graph, { query, key, value }, { heads: Math.max(1, inner / 64) });
    const out = linear(attend.in("to_out"), attended, { inFeatures: inner, outFeatures: inner, bias: false });
    const middle = graph.node("Add", [out, latents]);
    const forward = own.in(1);
    const normed = layerNorm(forward.in(0), middle, inner);
    const hidden = 4 * inner;
    const wide = linear(forward.in(1), normed, { inFeatures: inner, outFeatures: hidden, bias: false });
    const narrow = linear(forward.in(3), activate(graph, "gelu", wide), {
      inFeatures: hidden,
      outFeatures: inner,
      bias: false,
    });
    latents = graph.node("Add", [narrow, middle]);
  }
  return layerNorm(
    scope.in("norm_out"),
    linear(scope.in("proj_out"), latents, { inFeatures: inner, outFeatures: width }),
    width,
  );
}
