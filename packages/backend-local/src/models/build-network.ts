import { layerAdapter } from "../adapters/adapted-layers.ts";
import { familyOf } from "../families/families.ts";
import type { NetworkChoice } from "../families/family.ts";
import type { LayerAdapter } from "../graph/scope.ts";
import type { NetworkGraph } from "../networks/network-graph.ts";
import { type Model, partOf } from "./model.ts";
import { openWeights } from "./open-weights.ts";

/** A network's name. */
export function networkOf(choice: NetworkChoice): string {
  return typeof choice === "string" ? choice : choice.network;
}

/**
 * The graph of one of a model's networks. Building it holds every tensor's name, shape and type against the config;
 * no weight is read. An `adapter` is called in the place of the choice's own.
 *
 * @throws ModelError naming the tensor that is missing or does not fit.
 */
export async function buildNetwork(model: Model, choice: NetworkChoice, adapter?: LayerAdapter): Promise<NetworkGraph> {
  const { networks } = await familyOf(model).engine();
  const { part, build } = networks[networkOf(choice)]!;
  const { weights, config } = partOf(model, part);
  const { adapted, ...options } = typeof choice === "string" ? {} : choice;
  const own = adapter ?? (adapted && layerAdapter(adapted));
  return build(config, await openWeights(weights), { ...options, ...(own && { adapter: own }) });
}
