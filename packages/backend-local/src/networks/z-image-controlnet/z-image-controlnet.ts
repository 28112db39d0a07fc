import type { Weights } from "../../files/weights.ts";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import type { Angles } from "../../graph/rotary.ts";
import { Scope } from "../../graph/scope.ts";
import { inOneSequence } from "../blocks/joint-streams.ts";
import { residualOutputs } from "../blocks/residuals.ts";
import { type BuildOptions, type NetworkGraph, networkGraph } from "../network-graph.ts";
import { zImageBlock, zImageList, zImageStage } from "../z-image-transformer/z-image-transformer.ts";
import { zImageConfig } from "../z-image-transformer/z-image-transformer-config.ts";
import { zImageControlNetConfig } from "./z-image-controlnet-config.ts";

/** The transformer that a ControlNet shares layers with: those that embed and refine picture and text. */
export interface SteeredTransformer {
  config: unknown;
  weights: Weights;
}

/**
 * A ControlNet of Z-Image (VideoX-Fun), diffusers' ZImageControlNetModel: layers over the control picture's tokens that look at the picture's, each of
 * which makes what is added to one of the transformer's layers.
 *
 * Inputs: the transformer's; `control` `[1, image_tokens, 4·control_in_dim]`, the control picture's latent as tokens; and `scale` `[1]`, which multiplies
 * what comes out. Outputs: `control.layer.N` `[1, image_tokens + text_tokens, dim]`.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildZImageControlNet(
  config: unknown,
  weights: Weights,
  transformer: SteeredTransformer,
  options: BuildOptions = {},
): NetworkGraph {
  const spec = zImageControlNetConfig(config);
  const { dim, control_in_dim: channels, add_control_noise_refiner: refiner } = spec;
  const graph = new GraphBuilder("ZImageControlNetModel");
  const own = new Scope(graph, weights);
  const stage = zImageStage(new Scope(graph, transformer.weights, options.adapter), zImageConfig(transformer.config));
  const control = graph.input("control", "float32", [1, "image_tokens", 4 * channels]);
  const scale = graph.input("scale", "float32", [1]);
  const embedder = own.in("control_all_x_embedder.2-1");
  const tokens = stage.asPicture(linear(embedder, control, { inFeatures: 4 * channels, outFeatures: dim }));

  const square = { inFeatures: dim, outFeatures: dim };
  const block = (scope: Scope, x: Value, angles: Angles) => zImageBlock(scope, x, { spec, angles, time: stage.time });
  const hint = (scope: Scope, x: Value) => linear(scope.in("after_proj"), x, square);
  /** The states after each of some layers, the first of which is shown what is steered. */
  const steering = (scopes: readonly Scope[], context: Value, steered: Value, angles: Angles): Value[] => {
    const states: Value[] = [];
    for (const [i, scope] of scopes.entries()) {
      const from =
        i > 0 ? states[i - 1]! : graph.node("Add", [linear(scope.in("before_proj"), context, square), steered]);
      states.push(block(scope, from, angles));
    }
    return states;
  };

  const layers = spec.control_layers_places.map((_, i) => own.in("control_layers", i));
  const refiners = Array.from({ length: spec.n_refiner_layers }, (_, i) => own.in("control_noise_refiner", i));
  let { picture } = stage;
  let context = tokens;
  if (refiner == null) {
    picture = stage.refined(picture);
    for (const scope of refiners) context = block(scope, context, stage.imageAngles);
  } else {
    const scopes = refiner === "control_layers" ? layers : refiners;
    const states = steering(scopes, context, picture, stage.imageAngles);
    const places = spec.control_refiner_layers_places ?? [];
    picture = stage.refined(picture, (x, layer) => {
      const at = places.indexOf(layer);
      if (at < 0) return x;
      return graph.node("Add", [x, graph.node("Mul", [hint(scopes[at]!, states[at]!), scale])]);
    });
    context = states.at(-1)!;
  }
  const all = (of: Value) => inOneSequence(graph, [of, stage.caption]);
  const states = steering(layers, all(context), all(picture), stage.angles);
  const results = states.map((state, i) => hint(layers[i]!, state));
  residualOutputs(graph, zImageList, results, scale);
  return networkGraph(graph);
}
