import type { Family } from "../family.ts";

/** Qwen-Image: `image_size` chooses speed or quality, so the size is the aspect ratio; one LoRA. */
export const qwenImage: Family = {
  name: "qwen-image",
  matches: (id) => /qwen-image/.test(id),
  names: { size: [], lora: ["lora_weights", "replicate_weights"] },
};
