import { layerAdapter } from "../adapters/adapted-layers.ts";
import { familyOf } from "../families/families.ts";
import type { NetworkChoice } from "../families/family.ts";
import { modelError } from "../files/model-error.ts";
import type { Weights } from "../files/weights.ts";
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
  const multiplies = [...opened.names()].some((name) => suitsIntegers(opened.find(name)!)) && (await integers?.());
  return build(config, multiplies ? inIntegers(opened) : opened, {
    ...options,
    ...(own && { adapter: own }),
    index: model.index,
  });
}

/** Weights whose large rotated int8 layers are multiplied with in integers. */
function inIntegers(weights: Weights): Weights {
  return {
    ...weights,
    find: (name, shape) => {
      const tensor = weights.find(name, shape);
      return tensor !== undefined && suitsIntegers(tensor) ? { ...tensor, product: "int8" } : tensor;
    },
  };
}
