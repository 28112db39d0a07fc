import type { Family } from "../family.ts";

/** ByteDance's Seedream: width and height count once `size` (4 and later) or `aspect_ratio` (3) says `custom`. */
export const seedream: Family = {
  name: "seedream",
  matches: (id) => /^bytedance\/seedream/.test(id),
  names: { image: ["image_input", "image"], size: [] },
  complete: (input, _request, { inputs }) => {
    if (!("width" in input || "height" in input)) return {};
    const key = ["size", "aspect_ratio"].find((name) => inputs.get(name)?.enum?.includes("custom"));
    return key === undefined ? {} : { [key]: "custom" };
  },
};
