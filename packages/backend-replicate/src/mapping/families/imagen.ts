import type { Family } from "../family.ts";

/** Google's Imagen: aspect ratios; no seed, no steps. */
export const imagen: Family = {
  name: "imagen",
  matches: (id) => /^google\/imagen/.test(id),
};
