import { type ModelParts, partOf } from "../../models/model.ts";
import { unet2dConfig } from "../../networks/unet-2d/unet-2d-config.ts";
import { parsed, sampleSize, unsupported } from "../shared/config-check.ts";
import type { Traits } from "../traits.ts";

/** As diffusers' pipelines have them; a consistency model takes one. */
const defaultSteps: Readonly<Record<string, number>> = { DDIMPipeline: 50, ConsistencyModelPipeline: 1 };

/** Largest side in pixels: attention over more of them takes minutes a step. */
const largestSide = 1024;

/** Checks a model's config. @throws {@link ModelError} naming the file and the option. */
export function unconditionalTraits(model: ModelParts): Traits {
  const unet = partOf(model, "unet");
  const net = parsed(unet, unet2dConfig);
  const fail = unsupported(unet);
  const { in_channels: channels } = net;
  if (channels !== 1 && channels !== 3) throw fail("in_channels", `is ${channels}; pictures have 3 channels, or 1`);
  if (net.out_channels !== channels) {
    const message = `is ${net.out_channels} beside ${channels} in_channels; networks that learn a variance too are not supported`;
    throw fail("out_channels", message);
  }
  if (net.class_embed_type != null)
    throw fail("class_embed_type", `${net.class_embed_type} needs an input that this pipeline does not have`);
  const classes = net.num_class_embeds ?? undefined;
  const multipleOf = 2 ** (net.block_out_channels.length - 1);
  // diffusers has no default here, and can't draw without one.
  if (unet.config.sample_size == null) throw fail("sample_size", "must be given: it is the picture's size");
  const [height, width] = sampleSize(unet, largestSide);
  return {
    tasks: ["unconditional"],
    features: classes === undefined ? [] : ["classLabel"],
    classes,
    conditioning: [],
    ...{ scale: 1, multipleOf, minSide: multipleOf, maxSide: largestSide - (largestSide % multipleOf) },
    ...{ defaultWidth: width, defaultHeight: height, latentChannels: channels, scalingFactor: 1 },
    steps: defaultSteps[model.pipeline] ?? 1000,
    guidanceScale: 1,
    guidance: "classifier-free",
    startsFromPicture: false,
    textLayers: 0,
    tokenizers: {},
    selfAttentions: [],
  };
}
