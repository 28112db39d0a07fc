import type { Weights } from "../files/weights.ts";
import { buildVaeDecoder, buildVaeEncoder } from "../networks/autoencoder-kl/autoencoder-kl.ts";
import { buildClipText } from "../networks/clip-text/clip-text.ts";
import type { NetworkGraph } from "../networks/network-graph.ts";
import { buildUNet } from "../networks/unet-2d-condition/unet-2d-condition.ts";
import { type ModelFolder, type ModelPart, partWeights } from "./model-folder.ts";

const networks = {
  textEncoder: ["textEncoder", buildClipText],
  unet: ["unet", buildUNet],
  vaeDecoder: ["vae", buildVaeDecoder],
  vaeEncoder: ["vae", buildVaeEncoder],
} as const satisfies Record<string, [part: string, build: (config: unknown, weights: Weights) => NetworkGraph]>;

/** A network of a model. */
export type NetworkName = keyof typeof networks;

/** A network, or the UNet with perturbed attention in the self-attentions of these names. */
export type NetworkChoice = NetworkName | { readonly perturbedLayers: readonly string[] };

/** Every network that a model has. */
export const networkNames = Object.keys(networks) as NetworkName[];

/**
 * The graph of one of a model's networks. Building it holds every tensor's name, shape and type against the config;
 * no weight is read.
 *
 * @throws ModelError naming the tensor that is missing or does not fit.
 */
export async function buildNetwork(folder: ModelFolder, choice: NetworkChoice): Promise<NetworkGraph> {
  const [partName, build] = networks[typeof choice === "string" ? choice : "unet"];
  const part: ModelPart = folder[partName];
  const weights = await partWeights(part.folder, folder.variant);
  return typeof choice === "string" ? build(part.config, weights) : buildUNet(part.config, weights, choice);
}
