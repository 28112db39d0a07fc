import type { Pixels } from "@latentkit/core";
import { type BetaNoiseSchedule, fromDiffusers } from "@latentkit/core/diffusion";
import type { Model } from "../../models/model.ts";
import { fromPixels } from "../../pipeline/image-tensor.ts";
import type { Beside } from "../family.ts";

/** The schedule that the published model noises small pictures by. */
const published = { _class_name: "DDPMScheduler", beta_start: 0.0001, beta_end: 0.02, beta_schedule: "scaled_linear" };

/** The small picture as the network sees it beside the latent: `√ᾱ · picture + √(1 − ᾱ) · noise`, drawn before the latent's noise. */
export function lowResolution({ schedulers }: Model, image: Pixels, noiseLevel: number): Beside {
  const config = { ...published, ...schedulers?.low_res_scheduler, _class_name: "DDPMScheduler" };
  const { alphasCumprod } = fromDiffusers(config).schedule as BetaNoiseSchedule;
  const alpha = alphasCumprod[noiseLevel]!;
  const [signal, deviation] = [Math.fround(Math.sqrt(alpha)), Math.fround(Math.sqrt(1 - alpha))];
  const { data } = fromPixels(image);
  return {
    drawn: "before noise",
    draw(randn) {
      const noise = randn(data.length);
      return data.map((value, i) => signal * value + deviation * noise[i]!);
    },
  };
}
