import type { Family } from "../family.ts";

/** Models that enlarge a picture: Real-ESRGAN, Clarity, Topaz, Recraft's upscalers, GFPGAN, SwinIR and the like. */
export const upscaler: Family = {
  name: "upscaler",
  matches: (id, { inputs }) =>
    /upscal|esrgan|swinir|gfpgan|codeformer|super-resolution/.test(id) && (inputs.has("image") || inputs.has("img")),
  names: {
    image: ["image", "img"],
    scale: ["scale", "scale_factor", "upscale_factor", "upscale", "outscale"],
    // A face's or a tile's mask is not an inpaint.
    mask: [],
  },
  tasks: ["upscale"],
  samplers: { "DPM++ 2M SDE": { sampler: "dpmpp_2m_sde" }, "DPM++ 3M SDE": { sampler: "dpmpp_3m_sde" } },
};
