import { OutOfMemoryError } from "@latentkit/core";
import { memoryHere, ownMemory, sayBytes } from "../../engine/memory.ts";
import { partOf } from "../../models/model.ts";
import { type AutoencoderKLConfig, ofDecoder } from "../../networks/autoencoder-kl/autoencoder-kl-config.ts";
import { decoderLayers, encoderLayers } from "../../networks/autoencoder-kl/stripe-layers.ts";
import { planStripes } from "../../pipeline/stripes/plan-stripes.ts";
import { defaultStripeBytes } from "../../pipeline/stripes/run-pass.ts";
import type { CodecMemory, OpenModel } from "../family.ts";

/** What a VAE is asked to do: its sides are a latent's. */
export interface VaeWork {
  half: "encoder" | "decoder";
  height: number;
  width: number;
}

/** Without a `maxMemory`: what running the whole network at once may take, and what stripes may keep. Both leave 4 GB's rest to others. */
const byDefault = { whole: 3.6e9, kept: 2.6e9 };
/** What a job takes at the most that has no bound of its own: above it pictures are decoded in stripes. */
export const mostWhole = byDefault.whole + 150e6;

/** What stripes take beside what they keep: several layers of one stripe. */
const stripesBytes = 6 * defaultStripeBytes;

/** Bytes that the whole network takes between its layers: this many of its largest (measured). */
const largestLayers = { encoder: 4, decoder: 3.3 };

/** @returns bytes between the layers of the whole network. */
export function wholeBytes(
  config: Pick<AutoencoderKLConfig, "block_out_channels" | "decoder_block_out_channels">,
  { half, height, width }: VaeWork,
): number {
  const own = half === "decoder" ? config.decoder_block_out_channels : undefined;
  const levels = own ?? config.block_out_channels;
  const sizes = levels.map((channels, i) => {
    // An enlarged picture has its channels from the level below.
    const widest = half === "decoder" ? (levels[i + 1] ?? channels) : channels;
    return 4 * widest * height * width * 4 ** (levels.length - 1 - i);
  });
  return largestLayers[half] * Math.max(...sizes);
}

/** @returns bytes of the least that stripes take. */
export function leastBytes(config: AutoencoderKLConfig, { half, height, width }: VaeWork): number {
  const decodes = half === "decoder";
  const spec = decodes ? ofDecoder(config) : config;
  const channels = spec.block_out_channels.at(-1)!;
  const times = 2 ** (spec.block_out_channels.length - 1);
  const start = decodes
    ? { rows: height, width, channels }
    : { rows: height * times, width: width * times, channels: spec.in_channels };
  const { main } = planStripes(decodes ? decoderLayers(spec) : encoderLayers(spec), start, 0);
  const picture = 4 * 3 * height * width * times * times;
  const trunk = 7 * 4 * channels * height * width;
  return Math.max(4 * main + stripesBytes, trunk) + 2 * picture;
}

/**
 * How to do it: whole, or in stripes that keep at most so many bytes. Where the engine's `maxMemory` leaves too little, its idle networks
 * are put to rest first. A VAE of one level has nothing to cut.
 */
export async function vaeBudget(model: OpenModel, spec: AutoencoderKLConfig, work: VaeWork): Promise<"whole" | number> {
  const whole = wholeBytes(spec, work);
  // An exported graph has nothing to cut either.
  if (partOf(model.model, "vae").weights.kind === "onnx") return "whole";
  if (spec.block_out_channels.length === 1) return "whole";
  return budgetOf(model, { whole, least: leastBytes(spec, work) }, stripesBytes);
}

/**
 * What a VAE may take: its whole network's bytes, or so many, of which `beside` are left to what isn't kept. Where the engine's `maxMemory` leaves too
 * little, its idle networks are put to rest first.
 */
export async function budgetOf(model: OpenModel, { whole, least }: CodecMemory, beside = 0): Promise<"whole" | number> {
  const { maxMemory } = model.runtime;
  if (maxMemory === undefined) return whole <= byDefault.whole ? "whole" : byDefault.kept;
  if (ownMemory() + least > maxMemory) await model.rest();
  const free = maxMemory - ownMemory();
  return whole <= free ? "whole" : Math.max(0, free - beside);
}

/**
 * Tells before any work that a picture can't be decoded within the memory that there is, and which size can.
 *
 * @throws OutOfMemoryError
 */
export function requireMemory({ runtime }: OpenModel, spec: AutoencoderKLConfig, work: VaeWork): void {
  const limit = runtime.maxMemory ?? memoryHere();
  const least = (side: VaeWork) => Math.min(leastBytes(spec, side), wholeBytes(spec, side)) + engineBytes;
  const needed = least(work);
  if (needed <= limit) return;
  const scale = 2 ** (spec.block_out_channels.length - 1);
  let side = Math.max(work.height, work.width);
  while (side > 1 && least({ ...work, height: side, width: side }) > limit) side--;
  const fits = side > 1 ? `${side * scale}×${side * scale} would fit` : "no size fits";
  const has =
    runtime.maxMemory === undefined ? `this machine has ${sayBytes(limit)}` : `maxMemory is ${sayBytes(limit)}`;
  throw new OutOfMemoryError(
    `A picture of ${work.width * scale}×${work.height * scale} takes at least ${sayBytes(needed)}, and ${has}; ${fits}.`,
    { backend: "local", retryable: false, details: { needed, limit, largestSide: side > 1 ? side * scale : 0 } },
  );
}

/** What the engine takes before any picture. */
export const engineBytes = 150e6;
