import { type ModelParts, partOf } from "../../models/model.ts";
import { type FluxConfig, fluxConfig } from "../../networks/flux-transformer/flux-config.ts";
import { parsed, unsupported } from "../shared/config-check.ts";
import { isNamed } from "../shared/is-named.ts";

/**
 * What a FLUX.1 is for: pictures from texts, guided by a scale that it takes (`dev`) or not at all (`schnell`); edits of a reference picture
 * (`kontext`); or painting what a mask covers (`fill`).
 */
export type Flux1Kind = "dev" | "schnell" | "kontext" | "fill";

/** A transformer's tokens are blocks of 2×2 of a latent; Fill's have the masked picture's and the mask's pixels beside them. */
export function flux1Kind(model: ModelParts, net: FluxConfig, latentChannels: number, scale: number): Flux1Kind {
  const transformer = partOf(model, "transformer");
  const [plain, fill] = [4 * latentChannels, 4 * (2 * latentChannels + scale ** 2)];
  if (net.in_channels !== plain && net.in_channels !== fill)
    throw unsupported(transformer)(
      "in_channels",
      `${net.in_channels} does not match the VAE's latent_channels ${latentChannels}: must be ${plain}, or ${fill} (Fill)`,
    );
  const out = net.out_channels ?? net.in_channels;
  if (out !== plain)
    throw unsupported(transformer)("out_channels", `${out} must be ${plain}, four times the VAE's channels`);
  if (net.in_channels === fill) return "fill";
  if (model.pipeline === "FluxKontextPipeline" || isNamed(model, /kontext/i)) return "kontext";
  return net.guidance_embeds ? "dev" : "schnell";
}

/** The transformer's config. @throws ModelError */
export function fluxOf(model: Pick<ModelParts, "parts" | "path">): FluxConfig {
  return parsed(partOf(model, "transformer"), fluxConfig);
}
