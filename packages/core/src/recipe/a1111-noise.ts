import type { GenerationInput, GenerationRequest } from "../request/request.ts";

/** A1111's words for where its random numbers come from; its own default, the GPU's, it leaves unsaid. */
const sources = { CPU: "torch-cpu", NV: "nv" } as const;

/** How A1111's `parameters` text tells a request's noise settings, where they follow A1111. */
export function noiseParameters(noise: GenerationRequest["noise"]) {
  if (noise?.convention !== "a1111") return { variation: [], device: [] };
  const { subseed = 0, subseedStrength, resizeFrom, ensd, source } = noise;
  const varies = subseedStrength !== 0;
  const variation: [string, unknown][] = [
    ["Variation seed", varies ? subseed : undefined],
    ["Variation seed strength", varies ? subseedStrength : undefined],
    ["Seed resize from", resizeFrom && `${resizeFrom.width}x${resizeFrom.height}`],
  ];
  const device: [string, unknown][] = [
    ["ENSD", ensd === 0 ? undefined : ensd],
    ["RNG", source === "nv" ? "NV" : "CPU"],
  ];
  return { variation, device };
}

/**
 * The noise settings of a `parameters` text that says something of them. Without an `RNG` they are of A1111's default, a CUDA device's:
 * Philox, which is also its NV.
 */
export function noiseFromParameters(settings: ReadonlyMap<string, string>): GenerationInput["noise"] {
  const [subseed, strength] = [settings.get("Variation seed"), Number(settings.get("Variation seed strength"))];
  const [, width, height] = /^(\d+)x(\d+)$/.exec(settings.get("Seed resize from") ?? "") ?? [];
  const ensd = /^-?\d+$/.test(settings.get("ENSD") ?? "") ? Number(settings.get("ENSD")) : 0;
  const device = settings.get("RNG") ?? "";
  const noise = {
    ...(subseed && /^\d+$/.test(subseed) && strength > 0 ? { subseed, subseedStrength: strength } : {}),
    ...(Number(width) > 0 && Number(height) > 0
      ? { resizeFrom: { width: Number(width), height: Number(height) } }
      : {}),
    ...(ensd === 0 ? {} : { ensd }),
  };
  const known = Object.hasOwn(sources, device) ? sources[device as keyof typeof sources] : undefined;
  if (known === undefined && Object.keys(noise).length === 0) return undefined;
  return { convention: "a1111", source: known ?? "nv", ...noise };
}
