import type { Weights } from "../../files/weights.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { type Angles, joinAngles } from "../../graph/rotary.ts";
import { Scope } from "../../graph/scope.ts";
import { split, tokensOf } from "../blocks/joint-streams.ts";
import { residualOutputs } from "../blocks/residuals.ts";
import { embeddedText, fluxBlocks, textInputs } from "../flux-transformer/flux-graph.ts";
import { fluxLists } from "../flux-transformer/flux-lists.ts";
import { modulations } from "../flux-transformer/flux-transformer.ts";
import { type NetworkGraph, networkGraph } from "../network-graph.ts";
import { fluxControlNetConfig } from "./flux-controlnet-config.ts";

/**
 * A ControlNet of FLUX.1, diffusers' FluxControlNetModel: some blocks of the transformer's shape, over the latent's tokens and the control picture's.
 *
 * Inputs: the transformer's; `control` `[1, image_tokens, in_channels]`, the control picture's latent as tokens; `scale` `[1]`, which multiplies what
 * comes out; and of a network of several kinds `kind` int64 `[1]`, which of them it is. Outputs: `control.double.N` and `control.single.N`
 * `[1, image_tokens, width]`.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildFluxControlNet(config: unknown, weights: Weights): NetworkGraph {
  const spec = fluxControlNetConfig(config);
  const graph = new GraphBuilder("FluxControlNetModel");
  const root = new Scope(graph, weights);
  const { in_channels: channels, num_mode: kinds } = spec;
  const width = spec.attention_head_dim * spec.num_attention_heads;
  const tokens = (input: string, layer: string) =>
    linear(root.in(layer), graph.input(input, "float32", [1, "image_tokens", channels]), {
      inFeatures: channels,
      outFeatures: width,
    });
  const image = graph.node("Add", [tokens("image", "x_embedder"), tokens("control", "controlnet_x_embedder")]);
  const scale = graph.input("scale", "float32", [1]);
  const inputs = textInputs(graph, spec);
  const embedded = embeddedText(root, inputs.text, spec);
  const text = kinds == null ? embedded : graph.node("Concat", [kindToken(root, kinds, width), embedded], ofTokens);
  const angles =
    kinds == null ? inputs.angles : joinAngles(graph, withFirst(graph, inputs.textAngles), inputs.imageAngles);

  const [doubles, singles]: [Value[], Value[]] = [[], []];
  const textTokens = tokensOf(graph, text);
  const result = (layer: string, i: number, x: Value) =>
    linear(root.in(layer, i), x, { inFeatures: width, outFeatures: width });
  fluxBlocks(root, spec, {
    streams: { image, text },
    angles,
    modulations: modulations(root, spec, width),
    afterDouble(x, i) {
      doubles.push(result("controlnet_blocks", i, x));
      return x;
    },
    afterSingle(x, i) {
      singles.push(result("controlnet_single_blocks", i, split(graph, x, textTokens).image));
      return x;
    },
  });
  for (const [i, results] of [doubles, singles].entries()) residualOutputs(graph, fluxLists[i]!, results, scale);
  return networkGraph(graph);
}

const ofTokens = { attributes: { axis: { int: 1 } } };

/** What stands for the kind of control, as a first token of the text. */
function kindToken(root: Scope, kinds: number, width: number): Value {
  const { graph } = root;
  const row = root.in("controlnet_mode_embedder").lookup(graph.input("kind", "int64", [1]), kinds, width);
  return graph.node("Reshape", [row, graph.ints([1, 1, width])]);
}

/** Angles with those of one token more, which is where the first is. */
function withFirst(graph: GraphBuilder, { cos, sin }: Angles): Angles {
  const first = (of: Value) => graph.node("Slice", [of, graph.ints([0]), graph.ints([1]), graph.ints([0])]);
  return joinAngles(graph, { cos: first(cos), sin: first(sin) }, { cos, sin });
}
