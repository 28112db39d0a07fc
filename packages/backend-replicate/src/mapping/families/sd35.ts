import type { Family } from "../family.ts";

/** Stable Diffusion 3 and 3.5 (stability-ai): guidance is `cfg`, the size is an aspect ratio. */
export const sd35: Family = {
  name: "sd35",
  matches: (id) => /stable-diffusion-3/.test(id),
  names: { guidanceScale: ["cfg", "guidance_scale"], steps: ["steps", "num_inference_steps"] },
};
