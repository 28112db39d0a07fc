/** Which of a model's networks a LoRA's layer belongs to. */
export type LoraTarget = "unet" | "textEncoder" | "textEncoder2" | "transformer";

/** A tensor's name in a LoRA's file, read: the layer, with all separators as underscores, and what of it the tensor is. */
export interface LoraKey {
  target: LoraTarget;
  /** Such as `down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q`. */
  layer: string;
  /** Such as `down`, `up`, `alpha`. */
  role: string;
}

/** Ends of names, by what they mean. kohya's, LyCORIS', PEFT's, and the two that diffusers wrote before PEFT's. */
const roles: readonly [end: RegExp, role: string][] = [
  [/[._]lora_down\.weight$/, "down"],
  [/[._]lora_up\.weight$/, "up"],
  [/[._]lora_mid\.weight$/, "mid"],
  [/\.lora_A(?:(?:\.[\w-]+)?\.weight)?$/, "down"],
  [/\.lora_B(?:(?:\.[\w-]+)?\.weight)?$/, "up"],
  [/\.lora_magnitude_vector(?:\.[\w-]+)?(?:\.weight)?$/, "magnitude"],
  [/(?:\.lora_linear_layer|\.lora)\.down\.weight$/, "down"],
  [/(?:\.lora_linear_layer|\.lora)\.up\.weight$/, "up"],
  [/_lora\.down\.weight$/, "down"],
  [/_lora\.up\.weight$/, "up"],
  [/\.alpha$/, "alpha"],
  [/\.dora_scale$/, "doraScale"],
  [/\.(hada_w[12]_[ab]|hada_t[12]|lokr_w[12](?:_[ab])?|lokr_t2|diff|diff_b)$/, ""],
];

const targets: readonly [start: RegExp, target: LoraTarget][] = [
  [/^lora_unet_/, "unet"],
  [/^lora_te1?_/, "textEncoder"],
  [/^lora_te2_/, "textEncoder2"],
  [/^lora_transformer_/, "transformer"],
  // LyCORIS' own, which is told no network.
  [/^lycoris_/, "unet"],
  [/^(?:base_model\.model\.)?unet\./, "unet"],
  [/^(?:base_model\.model\.)?text_encoder\./, "textEncoder"],
  [/^(?:base_model\.model\.)?text_encoder_2\./, "textEncoder2"],
  [/^(?:base_model\.model\.)?(?:model\.)?(?:transformer|diffusion_model)\./, "transformer"],
  [
    /^(?:base_model\.model\.)?(?=(?:(?:single_)?transformer_blocks|(?:double|single|joint)_blocks|blocks|layers|(?:noise|context)_refiner|(?:txtfusion|text_fusion)[._]\w+)[._]\d)/,
    "transformer",
  ],
  // Layers of transformers that stand in no block.
  [
    /^(?:base_model\.model\.)?(?=(?:img_in|txt_in|x_embedder|context_embedder|(?:time|guidance|vector)_in|(?:double|single)_stream_modulation(?:_img|_txt)?|norm_out|proj_out|final_layer|modulation)(?:[._]|$))/,
    "transformer",
  ],
  [/^(?:base_model\.model\.)?(?=(?:down_blocks|mid_block|up_blocks|time_embedding|conv_in|conv_out)[._])/, "unet"],
  // PEFT's own prefix before any other layer: of the network that denoises, whatever it is.
  [/^base_model\.model\./, "unet"],
];

/** Reads a tensor's name; undefined for one that is no LoRA's. */
export function readLoraKey(name: string): LoraKey | undefined {
  const found = roles.find(([end]) => end.test(name));
  if (found === undefined) return undefined;
  const [end, known] = found;
  const role = known === "" ? (end.exec(name)?.[1] ?? "") : known;
  const path = name.replace(end, "");
  const place = targets.find(([start]) => start.test(path));
  if (place === undefined) return undefined;
  const [start, target] = place;
  return { target, layer: layerName(path.replace(start, "")), role };
}

/** One spelling for a layer: underscores, without what the oldest files put in, and a text model's own prefix. */
export function layerName(path: string): string {
  return path
    .replaceAll(".", "_")
    .replace(/^text_model_/, "")
    .replace(/_processor_(to_(?:q|k|v|out))$/, "_$1")
    .replace(/_to_out$/, "_to_out_0");
}

/** Layers of AuraFlow's in either naming, with underscores, which no other model's LoRAs have. */
export const auraflowLayer =
  /^(?:double_layers|single_layers|joint_transformer_blocks)_|^single_transformer_blocks_\d+_ff_(?:linear_[12]|out_projection)$/;
