import { type Pixels, resizeImage } from "@latentkit/core";
import type { EngineJob } from "../../engine/protocol.ts";
import type { Codec, Denoiser, FamilyEngine, FamilyJob, OpenModel } from "../../families/family.ts";
import { fromColours, toColours } from "../../families/upscaler/colour-planes.ts";
import { enlarge } from "../../families/upscaler/enlarge.ts";
import { buildUpscaler, upscalerShape } from "../../families/upscaler/upscaler-network.ts";
import { defaultTiles } from "../../families/upscaler/upscaler-options.ts";
import { type Model, partOf } from "../../models/model.ts";
import { stampOf } from "../../models/model-hash.ts";
import { openWeights } from "../../models/open-weights.ts";
import { familyJob } from "../family-job.ts";
import { fromPixels, toLatentMask } from "../image-tensor.ts";
import { defaultUpscaler, type Interpolation } from "../interpolation.ts";
import type { Source } from "../start.ts";
import { inputsAt } from "./inputs-at.ts";
import { resizeLatent } from "./resize-latent.ts";
import { pictureFilter, secondRequest } from "./second-request.ts";

/** A second pass, ready for what the first makes. */
export interface SecondPass {
  job: FamilyJob;
  denoiser: Denoiser;
  /** What it begins with: the first one's latent, enlarged. */
  sourceOf(latent: Float32Array): Promise<Source>;
}

/** What a second pass is made of. */
export interface SecondPassOptions {
  model: OpenModel;
  family: FamilyEngine;
  /** The first pass. */
  job: FamilyJob;
  /** The network that enlarges, where the request names one. */
  upscaler: EngineJob["upscaler"];
  signal: AbortSignal;
}

/** Opens a job's second pass; undefined where it has none. @throws OutOfMemoryError where there is no memory for its size. */
export async function openSecondPass(options: SecondPassOptions): Promise<SecondPass | undefined> {
  const { model, family, job, upscaler, signal } = options;
  const request = secondRequest(job.request, job.settings, model.model);
  if (request === undefined) return undefined;
  const size = { width: request.width!, height: request.height! };
  const second = familyJob(request, model.model, await inputsAt(job.inputs, job.settings, size));
  const { hires } = job.request;
  const way = hires!.upscaler ?? defaultUpscaler;
  const byPicture = upscaler !== undefined || way === pictureFilter;
  family.codec.check?.(model, second.dims, byPicture);
  const denoiser = await family.open(model, second, signal);
  const { mask } = second.inputs;
  const strength = hires!.strength;
  const { scale, maskSquares } = model.model.traits;
  const shared = mask === undefined ? { strength } : { strength, mask: toLatentMask(mask, scale, maskSquares) };
  return {
    job: second,
    denoiser,
    async sourceOf(latent) {
      if (byPicture) {
        const picture = await larger(await family.codec.decode(model, latent, job.dims, signal), size, options);
        const distribution = await family.codec.encode(
          model,
          fromPixels(picture, model.model.traits.transparent),
          signal,
        );
        return { ...shared, picture: drawing(family.codec, model, distribution) };
      }
      const data = resizeLatent(latent, job.dims, second.dims, way as Interpolation);
      return mask === undefined ? { ...shared, latents: { data, as: "picture" } } : { ...shared, picture: () => data };
    },
  };
}

function drawing(codec: Codec, model: OpenModel, distribution: Float32Array): NonNullable<Source["picture"]> {
  return (randn) => codec.draw(model, distribution, randn);
}

async function larger(
  picture: Pixels,
  { width, height }: { width: number; height: number },
  { model, upscaler, signal }: Pick<SecondPassOptions, "model" | "upscaler" | "signal">,
): Promise<Pixels> {
  const made = upscaler === undefined ? picture : await enlargedBy(upscaler, picture, model, signal);
  return resizeImage(made, width, height);
}

/** A picture by an upscaling network beside the model. */
async function enlargedBy(upscaler: Model, picture: Pixels, model: OpenModel, signal: AbortSignal): Promise<Pixels> {
  const { weights, config } = partOf(upscaler, "upscaler");
  const key = `upscaler ${await stampOf(upscaler.files)} ${upscaler.path}`;
  await model.keepBeside("upscaler", [key]);
  const network = await model.beside(key, async () => buildUpscaler(config, await openWeights(weights)));
  const shape = upscalerShape(config);
  const options = { ...shape, ...defaultTiles(shape), runtime: model.runtime, signal };
  return fromColours(await enlarge(network, toColours(picture), options));
}
