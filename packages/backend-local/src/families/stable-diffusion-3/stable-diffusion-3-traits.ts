import { type ModelParts, partOf } from "../../models/model.ts";
import { clipTextConfig } from "../../networks/clip-text/clip-text-config.ts";
import { sd3Config } from "../../networks/sd3-transformer/sd3-config.ts";
import { t5Config } from "../../networks/t5-encoder/t5-config.ts";
import { parsed, unsupported } from "../shared/config-check.ts";
import { flowPictures } from "../shared/flow-pictures.ts";
import { isNamed } from "../shared/is-named.ts";
import type { Traits } from "../traits.ts";

/** Tokens of a text that T5 is given, and zeros where there is none. */
export const t5Tokens = 256;

/** Checks a model's configs, each alone and together. @throws {@link ModelError} naming the file and the option. */
export function stableDiffusion3Traits(model: ModelParts): Traits {
  const transformer = partOf(model, "transformer");
  const [first, second] = [partOf(model, "textEncoder"), partOf(model, "textEncoder2")];
  const [clip, clip2] = [parsed(first, clipTextConfig), parsed(second, clipTextConfig)];
  const t5 = model.parts.textEncoder3 && parsed(model.parts.textEncoder3, t5Config);
  const net = parsed(transformer, sd3Config);
  const fail = unsupported(transformer);
  for (const [part, { architectures, unprojected }] of [[first, clip] as const, [second, clip2] as const])
    if (architectures !== "CLIPTextModelWithProjection" && !unprojected)
      throw unsupported(part)("architectures", "must be CLIPTextModelWithProjection: its pooled text is projected");
  // Their states stand side by side: the sums are right either way round.
  if (clip.hidden_size > clip2.hidden_size)
    throw unsupported(first)(
      "hidden_size",
      `is ${clip.hidden_size}, the second text encoder's ${clip2.hidden_size}: the two were changed round (CLIP-L is the first, CLIP-G the second)`,
    );
  const pooled = clip.projection_dim + clip2.projection_dim;
  if (net.pooled_projection_dim !== pooled)
    throw fail(
      "pooled_projection_dim",
      `${net.pooled_projection_dim} does not match the text encoders' projection_dim, together ${pooled}`,
    );
  const width = clip.hidden_size + clip2.hidden_size;
  if (net.joint_attention_dim < width)
    throw fail(
      "joint_attention_dim",
      `${net.joint_attention_dim} has no room for the text encoders' hidden_size, together ${width}`,
    );
  if (t5 !== undefined && net.joint_attention_dim !== t5.d_model)
    throw fail(
      "joint_attention_dim",
      `${net.joint_attention_dim} does not match the third text encoder's d_model ${t5.d_model}`,
    );
  const out = net.out_channels ?? net.in_channels;
  if (out !== net.in_channels) throw fail("out_channels", `${out} must be in_channels ${net.in_channels}`);
  const vae = partOf(model, "vae");
  const pictures = flowPictures(vae, { transformer, channels: net.in_channels, largestGrid: net.pos_embed_max_size });
  const trained = Math.min(pictures.maxSide, net.sample_size * pictures.scale);
  const bounds = t5 === undefined;
  return {
    ...pictures,
    ...{ defaultWidth: trained, defaultHeight: trained },
    // 3.5 large turbo's configs are large's.
    ...(isNamed(model, /turbo/i) ? { steps: 4, guidanceScale: 1 } : { steps: 28, guidanceScale: 7 }),
    tasks: ["text-to-image", "image-to-image", "inpaint"],
    features: ["negativePrompt", "guidance", "strength", "loras"],
    conditioning: ["control"],
    tokenizers: {
      // What CLIP has no room for, T5 reads.
      tokenizer: { maxPositions: clip.max_position_embeddings, vocabSize: clip.vocab_size, bounds },
      tokenizer2: { maxPositions: clip2.max_position_embeddings, vocabSize: clip2.vocab_size, bounds },
      ...(t5 && {
        tokenizer3: { kind: "text", maxPositions: t5Tokens, reserved: 1, vocabSize: t5.vocab_size } as const,
      }),
    },
  };
}
