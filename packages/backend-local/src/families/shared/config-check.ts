import { modelError } from "../../files/model-error.ts";
import { quote } from "../../files/quote.ts";
import type { ModelPart } from "../../models/model.ts";

/** What a parser makes of a part's config; its error names the file. @throws ModelError */
export function parsed<T>({ config, file }: ModelPart, parse: (config: unknown) => T): T {
  try {
    return parse(config);
  } catch (error) {
    const { details, message } = error as { details?: Record<string, unknown>; message: string };
    if (details?.problem === undefined) throw error;
    throw modelError("unsupported", `${file}: ${message}`, { file, option: details.option as string, cause: error });
  }
}

/** Makes the error of an option of a part's config. */
export function unsupported({ file }: ModelPart) {
  return (option: string, message: string) =>
    modelError("unsupported", `${file}: ${option} ${message}`, { file, option });
}

/** Holds the width of texts that a network takes, one of its options, against that of the text encoder's states. @throws ModelError */
export function requireTextWidth<Net extends string, Text extends string>(
  part: ModelPart,
  net: Readonly<Record<Net, unknown>>,
  option: Net,
  text: Readonly<Record<Text, unknown>>,
  width: Text,
): void {
  if (net[option] !== text[width])
    throw unsupported(part)(option, `${net[option]} does not match the text encoder's ${width} ${text[width]}`);
}

/** The size that a network was trained at, in latents: diffusers' default is 64. @throws ModelError */
export function sampleSize(part: ModelPart, max: number): [height: number, width: number] {
  const value = part.config.sample_size ?? 64;
  const sides: unknown[] = Array.isArray(value) ? value : [value, value];
  const fits = (side: unknown) => Number.isInteger(side) && (side as number) >= 1 && (side as number) <= max;
  if (sides.length !== 2 || !sides.every(fits)) {
    const message = `is ${quote(value)}; it must be a size or [height, width] in latents, at most ${max}`;
    throw unsupported(part)("sample_size", message);
  }
  return sides as [number, number];
}

/** The part with a size that Stable Diffusion's pipelines take for a slip mended: below 64, in a config from before diffusers 0.9. */
export function withMendedSize(part: ModelPart): ModelPart {
  const { sample_size: size, _diffusers_version: version } = part.config;
  const release = typeof version === "string" ? /^0\.(\d+)/.exec(version) : null;
  if (release === null || Number(release[1]) >= 9 || typeof size !== "number" || size >= 64) return part;
  return { ...part, config: { ...part.config, sample_size: 64 } };
}

/** A VAE's `scaling_factor`. @throws ModelError */
export function scalingFactorOf(vae: ModelPart, byDefault: number): number {
  const value = vae.config.scaling_factor ?? byDefault;
  if (typeof value !== "number" || !Number.isFinite(value) || value === 0)
    throw unsupported(vae)("scaling_factor", `is ${quote(value)}; it must be a number other than 0`);
  return value;
}
