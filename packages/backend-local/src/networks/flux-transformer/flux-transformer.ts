import type { Weights } from "../../files/weights.ts";
import { activate } from "../../graph/activation.ts";
import type { Value } from "../../graph/graph-builder.ts";
import type { Scope } from "../../graph/scope.ts";
import { embedded, embeddedWaves } from "../blocks/embedded.ts";
import { lastModulation, modulation } from "../blocks/modulation.ts";
import type { NetworkGraph } from "../network-graph.ts";
import { type FluxConfig, fluxConfig } from "./flux-config.ts";
import { type FluxGraphOptions, type FluxModulations, fluxGraph } from "./flux-graph.ts";

/** A size that is the class's own. */
const waves = 256;

/**
 * FLUX.1's transformer (Black Forest Labs 2024), diffusers' FluxTransformer2DModel: {@link fluxGraph}, each block with a modulation of its own.
 *
 * Inputs beside that graph's, whose `image` may have a reference picture after the picture: `pooled` `[1, pooled_projection_dim]`; `timestep`
 * float32 `[1]`, 0 to 1000; and `guidance`, the scale times 1000, where the network takes one. The output is of the flow from picture to noise.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildFluxTransformer(config: unknown, weights: Weights, options: FluxGraphOptions = {}): NetworkGraph {
  const spec = fluxConfig(config);
  return fluxGraph("FluxTransformer2DModel", spec, weights, options, (root, width) => modulations(root, spec, width));
}

/** Modulations of FLUX.1's own kind. */
export function modulations(root: Scope, spec: FluxConfig, width: number): FluxModulations {
  const time = activate(root.graph, "silu", timeVector(root.in("time_text_embed"), spec, width));
  const sizes = { inFeatures: width, features: width };
  return {
    double: () => time,
    single: (scope) => modulation(scope.in("norm.linear"), time, ["shift", "scale", "gate"], sizes),
    last: (scope) => lastModulation(scope, time, sizes),
  };
}

/** What all modulations are made of: the time, the text as a whole, and the scale of guidance where the network takes it. */
function timeVector(scope: Scope, spec: FluxConfig, width: number): Value {
  const { graph } = scope;
  const pooled = graph.input("pooled", "float32", [1, spec.pooled_projection_dim]);
  const number = (input: string, name: string) =>
    embeddedWaves(scope.in(name), graph.input(input, "float32", [1]), waves, width);
  const time = number("timestep", "timestep_embedder");
  const all = spec.guidance_embeds ? graph.node("Add", [time, number("guidance", "guidance_embedder")]) : time;
  return graph.node("Add", [all, embedded(scope.in("text_embedder"), pooled, spec.pooled_projection_dim, width)]);
}
