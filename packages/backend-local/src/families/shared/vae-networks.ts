import { buildVaeDecoder, buildVaeEncoder } from "../../networks/autoencoder-kl/autoencoder-kl.ts";
import { buildTinyDecoder, buildTinyEncoder } from "../../networks/autoencoder-tiny/autoencoder-tiny.ts";
import type { FamilyJob, NetworkChoice, NetworkRule } from "../family.ts";
import { isTinyVae } from "./vae-shape.ts";

/** The networks of a family's VAE, whichever class it is of; and that which only previews are decoded with. */
export const vaeNetworks = {
  vaeDecoder: {
    part: "vae",
    build: (config, ...rest) => (isTinyVae(config) ? buildTinyDecoder : buildVaeDecoder)(config, ...rest),
  },
  vaeEncoder: {
    part: "vae",
    build: (config, ...rest) => (isTinyVae(config) ? buildTinyEncoder : buildVaeEncoder)(config, ...rest),
  },
  previewDecoder: { part: "previewVae", build: buildTinyDecoder },
} as const satisfies Record<string, NetworkRule>;

/** The VAE's encoder, where a picture is given. */
export function needsVaeEncoder({ inputs: { image } }: FamilyJob): readonly NetworkChoice[] {
  return image === undefined ? [] : ["vaeEncoder"];
}
