import { type ModelPart, type ModelParts, partOf } from "../../models/model.ts";
import { type ClipTextConfig, clipTextConfig } from "../../networks/clip-text/clip-text-config.ts";
import { type UNetConfig, unetConfig } from "../../networks/unet-2d-condition/unet-2d-condition-config.ts";
import { parsed, unsupported } from "../shared/config-check.ts";
import { refuseUnknownInputs, type UNetKind, unetKind } from "../shared/unet-kind.ts";
import { type VaeShape, vaeShape } from "../shared/vae-shape.ts";

/** What a Stable Diffusion XL model's configs say, held against each other. */
export interface XLConfig {
  /** Not in the refiner. */
  textEncoder?: ClipTextConfig | undefined;
  textEncoder2: ClipTextConfig;
  unet: UNetConfig;
  vae: VaeShape;
  kind: UNetKind;
  /** What the UNet is told beside the pooled text: sizes and crop, or, as the refiner, a size, the crop and an aesthetic score. */
  timeIds: "sizes" | "aesthetics";
}

/** @throws {@link ModelError} naming the file and the option. */
export function xlConfig(model: Pick<ModelParts, "parts" | "path">): XLConfig {
  const { textEncoder } = model.parts;
  const [textEncoder2, unet, vae] = [partOf(model, "textEncoder2"), partOf(model, "unet"), partOf(model, "vae")];
  const text = textEncoder && parsed(textEncoder, clipTextConfig);
  const text2 = parsed(textEncoder2, projected(textEncoder2));
  const net = parsed(unet, unetConfig);
  const autoencoder = vaeShape(vae);
  const kind = unetKind(unet, net, autoencoder.latent_channels);
  refuseUnknownInputs(unet, net, ["time_cond_proj_dim", "addition_embed_type"]);
  const width = (text?.hidden_size ?? 0) + text2.hidden_size;
  const textSize = net.encoder_hid_dim ?? net.levels[0]!.crossAttentionDim;
  if (textSize !== width) {
    const message = `${textSize} does not match the text encoders' hidden_size, together ${width}`;
    throw unsupported(unet)("cross_attention_dim", message);
  }
  return {
    textEncoder: text,
    textEncoder2: text2,
    unet: net,
    vae: autoencoder,
    kind,
    timeIds: timeIdsOf(unet, net, text2),
  };
}

/** The second encoder always projects its pooled text, whatever class its config names. */
function projected({ file }: ModelPart) {
  return (config: unknown) => {
    const parsedConfig = clipTextConfig(config);
    if (parsedConfig.architectures === "CLIPTextModelWithProjection") return parsedConfig;
    throw unsupported({ file } as ModelPart)(
      "architectures",
      "must be CLIPTextModelWithProjection: its pooled text is projected",
    );
  };
}

function timeIdsOf(unet: ModelPart, net: UNetConfig, text: ClipTextConfig): XLConfig["timeIds"] {
  const fail = unsupported(unet);
  if (net.addition_embed_type !== "text_time")
    throw fail("addition_embed_type", `must be "text_time" in a Stable Diffusion XL model`);
  const size = net.projection_class_embeddings_input_dim!;
  const count = (size - text.projection_dim) / net.addition_time_embed_dim!;
  if (count === 6) return "sizes";
  if (count === 5) return "aesthetics";
  const right = text.projection_dim + 6 * net.addition_time_embed_dim!;
  throw fail(
    "projection_class_embeddings_input_dim",
    `${size} does not match the text encoder's projection: must be ${right}`,
  );
}
