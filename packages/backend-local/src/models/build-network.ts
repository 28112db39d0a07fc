import { layerAdapter } from "../adapters/adapted-layers.ts";
import { turnOf } from "../engine/turn-of.ts";
import { familyOf } from "../families/families.ts";
import type { NetworkChoice, NetworkRule } from "../families/family.ts";
import { modelError } from "../files/model-error.ts";
import type { WeightTensor } from "../files/safetensors.ts";
import type { Weights } from "../files/weights.ts";
import { suitsBlocks } from "../graph/block-product.ts";
import { suitsIntegers } from "../graph/int8-product.ts";
import type { LayerAdapter } from "../graph/scope.ts";
import type { NetworkGraph } from "../networks/network-graph.ts";
import { type Model, partOf, type WeightsSource } from "./model.ts";
import { openWeights } from "./open-weights.ts";

/** A graph that was exported as a whole: nothing can be put into it. @throws ModelError */
function exportedNetwork(
  { graphs, path }: Extract<WeightsSource, { kind: "onnx" }>,
  choice: NetworkChoice,
  adapter: LayerAdapter | undefined,
): NetworkGraph {
  const file = graphs[networkOf(choice)];
  if (file === undefined) {
    const message = `${path} holds no exported ${networkOf(choice)}; it has ${Object.keys(graphs).join(", ")}`;
    throw modelError("missing", message, { file: path });
  }
  if (typeof choice === "string" && adapter === undefined)
    return { model: new Uint8Array(), exported: file, inputs: [], outputs: [], sessionOptions: {} };
  const message = `${file} is an exported graph, which LoRAs, textual inversions and perturbed attention can't change; use the model's safetensors files`;
  throw modelError("unsupported", message, { file });
}

/** A network's name. */
export function networkOf(choice: NetworkChoice): string {
  return typeof choice === "string" ? choice : choice.network;
}

/**
 * The graph of one of a model's networks. Building it holds every tensor's name, shape and type against the config;
 * no weight is read. An `adapter` is called in the place of the choice's own; `integers` tells
 * whether products of 8 bits are right, and so fast, where it runs.
 *
 * @throws ModelError naming the tensor that is missing or does not fit.
 */
export async function buildNetwork(
  model: Model,
  choice: NetworkChoice,
  adapter?: LayerAdapter,
  integers?: () => Promise<boolean>,
): Promise<NetworkGraph> {
  const { networks } = await familyOf(model).engine();
  const { part, build } = networks[networkOf(choice)]!;
  const { weights, config } = partOf(model, part);
  if (weights.kind === "onnx") return exportedNetwork(weights, choice, adapter);
  const { adapted, ...options } = typeof choice === "string" ? {} : choice;
  const own = adapter ?? (adapted && layerAdapter(adapted));
  const opened = await openWeights(weights);
  const suits = waysOf(networks[networkOf(choice)]!);
  const multiplies = [...opened.names()].some((name) => suits(opened.find(name)!)) && (await integers?.());
  return build(config, multiplies ? multiplying(opened, suits) : opened, {
    ...options,
    ...(own && { adapter: own }),
    index: model.index,
  });
}

type Suits = (tensor: WeightTensor) => WeightTensor["product"];

/** How a network's weights are multiplied with. Laying blocks out costs more than what runs once in a picture would save. */
function waysOf(rule: Pick<NetworkRule, "part" | "preparesFor">): Suits {
  const runsOften = turnOf(rule) === "denoise";
  return (tensor) => {
    if (suitsIntegers(tensor)) return "int8";
    return runsOften && suitsBlocks(tensor) ? "blocks" : undefined;
  };
}

/** Weights that say of themselves how they are multiplied with. */
function multiplying(weights: Weights, suits: Suits): Weights {
  return {
    ...weights,
    find: (name, shape) => {
      const tensor = weights.find(name, shape);
      const product = tensor && suits(tensor);
      return product === undefined ? tensor : { ...tensor!, product };
    },
  };
}
