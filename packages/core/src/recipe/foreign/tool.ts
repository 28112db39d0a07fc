import type { ParametersText } from "./parameters-text.ts";

/** Who wrote a text in the manner of A1111's. */
export type ParametersTool = "latentkit" | "a1111" | "forge" | "sdnext" | "fooocus" | "sdcpp" | "comfyui";

/** Tells the tool by what it alone writes. */
export function toolOf({ settings }: ParametersText): ParametersTool {
  const version = settings.get("Version") ?? "";
  if (version.startsWith("LatentKit")) return "latentkit";
  if (version.startsWith("stable-diffusion.cpp")) return "sdcpp";
  if (version.startsWith("Fooocus")) return "fooocus";
  if (version.startsWith("ComfyUI")) return "comfyui";
  if (settings.get("App") === "SD.Next" || ["Operations", "Backend", "Pipeline"].some((key) => settings.has(key)))
    return "sdnext";
  return /^(?:f\d|neo)/.test(version) ? "forge" : "a1111";
}
