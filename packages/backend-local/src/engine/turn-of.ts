import type { NetworkRule } from "../families/family.ts";

/** What a network is for. */
export type Turn = "text" | "prepare" | "denoise" | "vae";

/** When a network is needed. */
export function turnOf({ part, preparesFor }: Pick<NetworkRule, "part" | "preparesFor">): Turn {
  if (preparesFor !== undefined) return "prepare";
  if (/encoder/i.test(part)) return "text";
  return /vae/i.test(part) ? "vae" : "denoise";
}
