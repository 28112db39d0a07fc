import type { Family } from "../family.ts";

/** Ideogram 2 and 3: masks are black where the picture is painted anew, and a listed resolution wins over the ratio. */
export const ideogram: Family = {
  name: "ideogram",
  matches: (id) => /^ideogram-ai\//.test(id),
  names: { imagePrompt: ["style_reference_images"], size: ["resolution"] },
  blackMask: true,
  // Without a mask the image input is not used: there is no plain image-to-image.
  tasks: ["text-to-image", "inpaint", "outpaint"],
};
