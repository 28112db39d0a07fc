import type { Family } from "../family.ts";

/**
 * FLUX.1 and FLUX.2 (black-forest-labs): aspect ratios, or width and height once `aspect_ratio` says `custom`; edits take
 * `input_image`, control models are one control each, LoRA models have a second slot.
 */
export const flux: Family = {
  name: "flux",
  matches: (id) => /flux/.test(id),
  names: {
    imagePrompt: ["image_prompt", "redux_image"],
    image: ["image", "input_image", "input_images", "img_cond_path"],
  },
  multipleOf: 32,
  loraSlots: [
    { lora: "extra_lora", loraScale: "extra_lora_scale" },
    { lora: "extra_lora_weights", loraScale: "extra_lora_scale" },
  ],
  control: (id) => (/flux-(?:canny|depth)/.test(id) ? (/canny/.test(id) ? "canny" : "depth") : undefined),
  complete: (input, _request, { inputs }) => {
    const custom = inputs.get("aspect_ratio")?.enum?.includes("custom");
    return custom && ("width" in input || "height" in input) ? { aspect_ratio: "custom" } : {};
  },
};
