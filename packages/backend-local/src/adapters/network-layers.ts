import { familyOf } from "../families/families.ts";
import type { LayerCall } from "../graph/scope.ts";
import { buildNetwork } from "../models/build-network.ts";
import type { Model } from "../models/model.ts";
import type { BaseLayer } from "./lora/layer-delta.ts";

/** A layer of a network that an adapter can add to. */
export interface NetworkLayer extends BaseLayer {
  readonly kind: LayerCall["kind"];
}

/**
 * A network's layers with weights, by name, and those of networks that prepare for it: their graphs are built once more to look at
 * them.
 */
export async function networkLayers(model: Model, network: string): Promise<Map<string, NetworkLayer>> {
  const layers = new Map<string, NetworkLayer>();
  const { networks } = await familyOf(model).engine();
  const before = Object.keys(networks).filter((name) => networks[name]?.preparesFor === network);
  for (const each of [network, ...before])
    await buildNetwork(model, each, (_, { name, kind, weight, output }) => {
      // A linear layer's weight may be stored as a 1×1 convolution's.
      const shape = kind === "linear" ? weight.shape.slice(0, 2) : weight.shape;
      layers.set(name, { kind, shape, weight });
      return output;
    });
  return layers;
}
