import { buildVaeDecoder, buildVaeEncoder } from "../networks/autoencoder-kl.ts";
import { buildClipText } from "../networks/clip-text.ts";
import type { NetworkGraph } from "../networks/network-graph.ts";
import { buildUNet } from "../networks/unet-2d-condition.ts";
import type { Weights } from "../weights/weights.ts";
import { type ModelFolder, type ModelPart, partWeights } from "./model-folder.ts";

const networks = {
  textEncoder: ["textEncoder", buildClipText],
  unet: ["unet", buildUNet],
  vaeDecoder: ["vae", buildVaeDecoder],
  vaeEncoder: ["vae", buildVaeEncoder],
} as const satisfies Record<string, [part: string, build: (config: unknown, weights: Weights) => NetworkGraph]>;

/** A network of a model. */
export type NetworkName = keyof typeof networks;

/** Every network that a model has. */
export const networkNames = Object.keys(networks) as NetworkName[];

/**
 * The graph of one of a model's networks. Building it holds every tensor's name, shape and type against the config;
 * no weight is read.
 *
 * @throws ModelError naming the tensor that is missing or does not fit.
 */
export async function buildNetwork(folder: ModelFolder, name: NetworkName): Promise<NetworkGraph> {
  const [partName, build] = networks[name];
  const part: ModelPart = folder[partName];
  return build(part.config, await partWeights(part.folder, folder.variant));
}
