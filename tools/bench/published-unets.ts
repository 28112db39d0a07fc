/** A published UNet, by its size. */
export interface PublishedUnet {
  name: string;
  /** What of its configuration is not diffusers' default. */
  config: Record<string, unknown>;
  parameters: number;
  /** torch.utils.flop_counter on diffusers' model, batch 1, at `side`. */
  flops: number;
  /** Sides of its latent. */
  side: number;
  /** Shapes of its inputs beside the latent and the timestep. */
  inputs: Readonly<Record<string, readonly number[]>>;
}

/** Stable Diffusion 1.5's UNet. */
export const sd15: PublishedUnet = {
  name: "sd15-unet",
  config: { cross_attention_dim: 768 }, // the rest of SD 1.5's configuration is the defaults
  parameters: 859_520_964,
  flops: 803_273_441_280,
  side: 64,
  inputs: { encoder_hidden_states: [1, 77, 768] },
};

/** Stable Diffusion XL's UNet. */
export const sdxl: PublishedUnet = {
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
};
