import type { Family } from "../family.ts";

/** Recraft: a list of sizes, over which an aspect ratio would win. */
export const recraft: Family = {
  name: "recraft",
  matches: (id, { inputs }) => /^recraft-ai\/recraft-v/.test(id) && inputs.has("prompt"),
  names: { size: ["size"] },
  complete: (input, _request, { inputs }) =>
    "size" in input && inputs.get("aspect_ratio")?.enum?.includes("Not set") ? { aspect_ratio: "Not set" } : {},
};
