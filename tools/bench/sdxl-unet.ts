/**
 * {@link sd15-unet.ts} for SDXL's UNet, at a latent of 128×128 (a picture of 1024×1024).
 *
 *     node --conditions=latentkit-source tools/bench/sdxl-unet.ts [F16|F32] [steps]
 *
 * The file, 5.1 or 10.3 GB, stays in the system's temporary folder. Torch holds its weights in float32, which takes 10.3 GB, or in
 * bfloat16 where the machine has less than 14 GB to give.
 */
import type { WeightType } from "./random-weights.ts";
import { printUnetFigures } from "./unet-figures.ts";

await printUnetFigures({
  name: "sdxl-unet",
  config: {
    sample_size: 128,
    block_out_channels: [320, 640, 1280],
    down_block_types: ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    up_block_types: ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    transformer_layers_per_block: [1, 2, 10],
    attention_head_dim: [5, 10, 20],
    cross_attention_dim: 2048,
    use_linear_projection: true,
    addition_embed_type: "text_time",
    addition_time_embed_dim: 256,
    projection_class_embeddings_input_dim: 2816,
  },
  parameters: 2_567_463_684,
  flops: 6_761_236_398_080,
  side: 128,
  inputs: { encoder_hidden_states: [1, 77, 2048], text_embeds: [1, 1280], time_ids: [1, 6] },
  weights: (process.argv[2] ?? "F16") as WeightType,
  steps: Number(process.argv[3] ?? 2),
});
