import type { GenerationInput } from "../request/input-types.ts";
import type { GenerationRequest } from "../request/request.ts";
import type { TakenSettings } from "./foreign/taken-settings.ts";

/** A1111's words for where its random numbers come from; its own default, the GPU's, it leaves unsaid. */
const sources = { CPU: "torch-cpu", NV: "nv", GPU: "nv" } as const;

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
 * The noise settings of a `parameters` text. Without an `RNG` they are of A1111's default, a CUDA device's: Philox, which is also its NV. A
 * text of ours says `RNG` wherever the noise follows A1111, so that without one it doesn't.
 */
export function noiseFromParameters(settings: TakenSettings, isOurs: boolean): GenerationInput["noise"] {
  const device = settings.take("RNG");
  const noise = { ...subseedOf(settings), ...resizeOf(settings), ...ensdOf(settings) };
  if (isOurs && device === undefined && Object.keys(noise).length === 0) return undefined;
  const known = device !== undefined && Object.hasOwn(sources, device);
  if (device !== undefined && !known)
    settings.note("noise.source", device, "is a generator that is not known here; A1111's default is used");
  return { convention: "a1111", source: known ? sources[device as keyof typeof sources] : "nv", ...noise };
}

function subseedOf(settings: TakenSettings) {
  const subseed = settings.take("Variation seed");
  const strength = settings.number("Variation seed strength", "noise.subseedStrength") ?? 0;
  return subseed !== undefined && /^\d+$/.test(subseed) && strength > 0 ? { subseed, subseedStrength: strength } : {};
}

function resizeOf(settings: TakenSettings) {
  const [, width, height] = /^(\d+)x(\d+)$/.exec(settings.take("Seed resize from") ?? "") ?? [];
  const [w, h] = [Number(width), Number(height)];
  return w > 0 && h > 0 ? { resizeFrom: { width: w, height: h } } : {};
}

function ensdOf(settings: TakenSettings) {
  const ensd = settings.number("ENSD", "noise.ensd") ?? 0;
  return Number.isInteger(ensd) && ensd !== 0 ? { ensd } : {};
}
