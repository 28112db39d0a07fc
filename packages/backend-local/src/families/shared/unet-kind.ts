import type { FeatureName } from "@latentkit/core";
import type { ModelPart } from "../../models/model.ts";
import { selfAttentions } from "../../networks/unet-2d-condition/self-attentions.ts";
import type { UNetConfig } from "../../networks/unet-2d-condition/unet-2d-condition-config.ts";
import type { Traits } from "../traits.ts";
import { unsupported } from "./config-check.ts";

/**
 * What a UNet sees beside the latent: nothing; a mask and the picture without what it covers (inpainting); or the
 * picture (InstructPix2Pix, Brooks et al. 2022, https://arxiv.org/abs/2211.09800).
 */
export type UNetKind = "plain" | "inpaint" | "instruct";

/** What each kind can do. */
const kindTraits: Readonly<Record<UNetKind, Pick<Traits, "tasks" | "features" | "conditioning">>> = {
  plain: {
    tasks: ["text-to-image", "image-to-image", "inpaint"],
    features: ["strength"],
    conditioning: ["text", "control", "image-prompt"],
  },
  inpaint: { tasks: ["inpaint"], features: ["strength"], conditioning: ["text", "control", "image-prompt"] },
  instruct: { tasks: ["image-to-image"], features: ["imageGuidanceScale"], conditioning: [] },
};

/** What a UNet of that kind makes of requests, whichever texts it is shown. */
export function unetTraits(kind: UNetKind, net: UNetConfig) {
  // A network that takes the scale itself has no second pass.
  const embedded = net.time_cond_proj_dim != null;
  const { tasks, features, conditioning } = kindTraits[kind];
  const own: readonly FeatureName[] = embedded ? [] : ["negativePrompt", "guidance"];
  return {
    tasks,
    features: ["promptSyntax", "clipSkip", "loras", "embeddings", ...own, ...features],
    conditioning,
    guidance: embedded ? "embedded" : "classifier-free",
    startsFromPicture: kind !== "instruct",
    imageGuidanceScale: 1.5,
    selfAttentions: selfAttentions(net),
  } satisfies Partial<Traits>;
}

/** A UNet's kind, by its channels. @throws ModelError for one that fits none. */
export function unetKind(unet: ModelPart, { in_channels, out_channels }: UNetConfig, latentChannels: number): UNetKind {
  const fail = unsupported(unet);
  if (out_channels !== latentChannels)
    throw fail("out_channels", `${out_channels} does not match the VAE's latent_channels ${latentChannels}`);
  if (in_channels === latentChannels) return "plain";
  if (in_channels === 2 * latentChannels + 1) return "inpaint";
  if (in_channels === 2 * latentChannels) return "instruct";
  const kinds = `${latentChannels} (plain), ${2 * latentChannels + 1} (inpainting) or ${2 * latentChannels} (InstructPix2Pix)`;
  throw fail(
    "in_channels",
    `${in_channels} does not match the VAE's latent_channels ${latentChannels}: must be ${kinds}`,
  );
}

/** The options that ask for an input that no pipeline of ours has. @throws ModelError */
export function refuseUnknownInputs(unet: ModelPart, net: UNetConfig, known: readonly (keyof UNetConfig)[]): void {
  for (const option of ["addition_embed_type", "class_embed_type", "num_class_embeds", "time_cond_proj_dim"] as const) {
    if (net[option] != null && !known.includes(option))
      throw unsupported(unet)(option, `${net[option]} needs an input that this pipeline does not have`);
  }
}
