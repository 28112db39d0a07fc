import type { Family } from "../family.ts";

/** Stable Diffusion XL and its fine-tunes (stability-ai/sdxl): LoRAs arrive as `replicate_weights`. */
export const sdxl: Family = {
  name: "sdxl",
  matches: (id, { inputs }) => /sdxl/.test(id) || (inputs.has("refine") && inputs.has("high_noise_frac")),
  names: { lora: ["lora_weights", "replicate_weights", "lora_url", "lora"] },
  multipleOf: 8,
};
