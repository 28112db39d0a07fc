import type { Weights } from "../../files/weights.ts";
import type { Value } from "../../graph/graph-builder.ts";
import { linear } from "../../graph/linear.ts";
import { rmsNorm } from "../../graph/norm.ts";
import type { Scope } from "../../graph/scope.ts";
import { constantWaves, timestepEmbedding } from "../../graph/timestep-embedding.ts";
import { embedded } from "../blocks/embedded.ts";
import { type JointVectors, jointVectors } from "../blocks/joint-block.ts";
import { type FluxModulations, fluxGraph } from "../flux-transformer/flux-graph.ts";
import type { BuildOptions, NetworkGraph } from "../network-graph.ts";
import { type ChromaConfig, chromaConfig } from "./chroma-config.ts";

/** What torch's norms add where they are given nothing: float32's own rounding. */
const normEpsilon = 2 ** -23;

/**
 * Chroma's transformer (Lodestone Rock 2025), diffusers' ChromaTransformer2DModel: {@link fluxGraph} whose modulations one small network makes, of the
 * time and of the modulation's number.
 *
 * Input beside that graph's: `timestep` float32 `[1]`, 0 to 1000. All tokens of the text are attended to. The output is of the flow from picture to
 * noise.
 *
 * @throws {@link ModelError} for options that are not supported and tensors that are missing or misshapen.
 */
export function buildChromaTransformer(config: unknown, weights: Weights, options: BuildOptions = {}): NetworkGraph {
  const spec = chromaConfig(config);
  return fluxGraph("ChromaTransformer2DModel", spec, weights, options, (root, width) => {
    const { num_layers: doubles, num_single_layers: singles } = spec;
    const rows = 3 * singles + 12 * doubles + 2;
    const table = approximator(root.in("distilled_guidance_layer"), spec, rows, width);
    return modulationsOf(root, table, { doubles, singles, rows });
  });
}

/** Rows of a table `[rows, width]`: three for each single block, six for each double one's picture, six for its text, and two last ones. */
function modulationsOf(
  { graph }: Scope,
  table: Value,
  { doubles, singles, rows }: Record<"doubles" | "singles" | "rows", number>,
): FluxModulations {
  const vectors = <const Names extends readonly string[]>(names: Names, from: number) =>
    Object.fromEntries(names.map((name, i) => [name, graph.node("Gather", [table, graph.ints(from + i)])])) as Record<
      Names[number],
      Value
    >;
  const joint = (from: number): JointVectors => vectors(jointVectors, from);
  return {
    double: (_, i) => ({ image: joint(3 * singles + 6 * i), text: joint(3 * singles + 6 * (doubles + i)) }),
    single: (_, i) => vectors(["shift", "scale", "gate"], 3 * i),
    last: () => vectors(["shift", "scale"], rows - 2),
  };
}

/** The table of all modulations, `[rows, width]`. */
function approximator(scope: Scope, spec: ChromaConfig, rows: number, width: number): Value {
  const { graph } = scope;
  const { approximator_num_channels: channels, approximator_hidden_dim: hidden } = spec;
  const number = { dimension: channels / 2, flipSinToCos: true, freqShift: 0 };
  const quarter = { ...number, dimension: channels / 4 };
  const numbers = Array.from({ length: rows }, (_, i) => 1000 * i);
  const time = timestepEmbedding(graph, graph.input("timestep", "float32", [1]), quarter);
  // A scale of guidance that is always 0.
  const guidance = constantWaves(graph, [0], quarter);
  const both = graph.node("Concat", [time, guidance], { attributes: { axis: { int: 1 } } });
  const repeated = graph.node("Expand", [both, graph.ints([rows, channels / 2])]);
  const input = graph.node("Concat", [repeated, constantWaves(graph, numbers, number)], {
    attributes: { axis: { int: 1 } },
  });
  let x = linear(scope.in("in_proj"), input, { inFeatures: channels, outFeatures: hidden });
  for (let i = 0; i < spec.approximator_layers; i++) {
    const normed = rmsNorm(scope.in("norms", i), x, hidden, normEpsilon);
    x = graph.node("Add", [x, embedded(scope.in("layers", i), normed, hidden, hidden)]);
  }
  return linear(scope.in("out_proj"), x, { inFeatures: hidden, outFeatures: width });
}
