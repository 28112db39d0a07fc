import type { TakenSettings } from "./taken-settings.ts";
import type { Fields } from "./valid-request.ts";

/** A1111's latent upscalers; those with antialiasing have no counterpart. */
const latentUpscalers: Readonly<Record<string, string>> = {
  Latent: "bilinear",
  "Latent (nearest)": "nearest",
  "Latent (nearest-exact)": "nearest-exact",
  "Latent (bicubic)": "bicubic",
};

/** The second pass of A1111's hires fix, whose strength is then the text's denoising strength. */
export function hiresOf(settings: TakenSettings, { width, height }: Fields): Fields | undefined {
  const factor = settings.peek("Hires upscale");
  const resize = settings.peek("Hires resize");
  if (factor === undefined && resize === undefined) return undefined;
  const scale = factor === undefined ? scaleOf(resize!, Number(width), Number(height)) : Number(factor);
  if (scale === undefined || !(scale > 1)) {
    const words = "a second pass to another shape, or to a smaller size, can't be asked for; it is left out";
    settings.note("hires", factor ?? resize, words);
    settings.take("Hires upscale", "Hires resize", "Hires steps", "Hires upscaler", "Denoising strength");
    return undefined;
  }
  settings.take("Hires upscale", "Hires resize");
  const strength = settings.number("Denoising strength", "hires.strength");
  const steps = settings.number("Hires steps", "hires.steps");
  const upscaler = upscalerOf(settings);
  return {
    scale,
    ...(strength === undefined ? {} : { strength }),
    ...(steps ? { steps } : {}),
    ...(upscaler === undefined ? {} : { upscaler }),
  };
}

/** A side of 0 follows from the other. */
function scaleOf(resize: string, width: number, height: number): number | undefined {
  const [, toWidth, toHeight] = /^(\d+)x(\d+)$/.exec(resize) ?? [];
  const scales = [Number(toWidth) / width, Number(toHeight) / height].filter((value) => value > 0);
  const [first, second = first] = scales;
  return first !== undefined && second !== undefined && Math.abs(first - second) < 1e-3 ? first : undefined;
}

function upscalerOf(settings: TakenSettings): string | undefined {
  const name = settings.take("Hires upscaler");
  if (name === undefined) return undefined;
  if (Object.hasOwn(latentUpscalers, name)) return latentUpscalers[name];
  if (name !== "None" && !name.startsWith("Latent")) return name;
  settings.note("hires.upscaler", name, "has no counterpart; the backend's own is used");
  return undefined;
}
