import { GenerationError, type SerializedError } from "@latentkit/core";
import { type Guidance, runPlan } from "@latentkit/core/diffusion";
import type { LoadedModel } from "../engine/loaded-model.ts";
import type { EngineEvent, EngineJob } from "../engine/protocol.ts";
import { serializeError } from "../local-error.ts";
import type { NetworkChoice } from "../models/build-network.ts";
import { guidanceOver } from "./choose-guidance.ts";
import { encodePrompt } from "./encode-prompt.ts";
import { guidedUnet, type LatentDims, type TextedUnet, textedUnet } from "./guided-unet.ts";
import { toLatentMask } from "./image-tensor.ts";
import { JobClock } from "./job-clock.ts";
import { decodeLatent, encodeImage } from "./latents.ts";
import { randomOf, seedOf } from "./random-of-image.ts";
import { resolved, type Settings, settle } from "./settings.ts";
import { type Source, startOf } from "./start.ts";

/** What all images of a job share. */
interface Context {
  model: LoadedModel;
  settings: Settings;
  source: Source;
  dims: LatentDims;
  unet: TextedUnet;
  clock: JobClock;
  signal: AbortSignal;
}

/** Makes a job's images, one after the other: image i has seed + i, and one that fails leaves the others be. */
export async function* generate(job: EngineJob, model: LoadedModel, signal: AbortSignal): AsyncGenerator<EngineEvent> {
  const settings = settle(job.request, model.folder);
  const unet = unetOf(settings);
  const names: NetworkChoice[] = ["textEncoder", unet, "vaeDecoder"];
  if (job.inputs.image !== undefined) names.push("vaeEncoder");
  const clock = new JobClock(settings.count);
  await clock.time("load", () => model.check(names));
  const { identity } = model.folder;
  const versions = { "onnxruntime-node": model.runtime.version };
  yield { type: "started", resolved: resolved(settings), model: identity, versions };
  const runMsBefore = await model.runMs();
  yield* load(model, names, clock, signal);
  const context = yield* prepare(job, model, settings, clock, signal);

  const failures: unknown[] = [];
  for (let index = 0; index < settings.count; index++) {
    try {
      yield* makeImage(index, context);
    } catch (error) {
      signal.throwIfAborted();
      failures.push(error);
      if (failures.length === settings.count) throw failures[0];
      yield imageFailed(index, seedOf(index, settings), serializeError(error));
    }
  }
  const timings = { ...clock.timings, engineRunMs: (await model.runMs()) - runMsBefore };
  yield { type: "completed", timings };
}

/** Brings up the networks that the job needs. */
async function* load(model: LoadedModel, names: readonly NetworkChoice[], clock: JobClock, signal: AbortSignal) {
  yield clock.phase("load", 0, names.length);
  for (const [i, name] of names.entries()) {
    signal.throwIfAborted();
    await clock.time("load", () => model.network(name));
    yield clock.phase("load", i + 1, names.length);
  }
}

/** Encodes what was given: the prompts, and the picture where there is one. */
async function* prepare(
  job: EngineJob,
  model: LoadedModel,
  settings: Settings,
  clock: JobClock,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent, Context> {
  const { image, mask } = job.inputs;
  const { shape } = model.folder;
  const steps = image === undefined ? 1 : 2;
  yield clock.phase("encode", 0, steps);
  const { prompt, negativePrompt, clipSkip } = settings;
  // Without guidance the unconditional text has no effect: it is not even encoded.
  const texts = needsUncond(settings) ? { prompt, negativePrompt, clipSkip } : { prompt, clipSkip };
  const { states, warnings } = await clock.time("encode", () => encodePrompt(model, texts, signal));
  yield* warnings;
  yield clock.phase("encode", 1, steps);

  const source: Source = { strength: "strength" in job.request ? job.request.strength : 1 };
  const { latents } = job.inputs;
  if (latents !== undefined) source.latents = { data: latents, as: latentRole(job.request) };
  if (mask !== undefined) source.mask = toLatentMask(mask, shape.scale);
  if (image !== undefined) {
    source.moments = await clock.time("encode", () => encodeImage(model, image, signal));
    yield clock.phase("encode", 2, steps);
  }
  const dims: LatentDims = [shape.latentChannels, settings.height / shape.scale, settings.width / shape.scale];
  const choice = unetOf(settings);
  const network = await model.network(choice);
  const perturbs = choice !== "unet";
  const unet = textedUnet({ unet: network, perturbs, runtime: model.runtime, states, dims, signal });
  return { model, settings, source, dims, unet, clock, signal };
}

/** Whether any step of a run looks at the unconditional text. */
function needsUncond(settings: Settings): boolean {
  return inAnyStep(settings, ({ needsUncond: needs }, i) => needs(i));
}

/** The UNet as it is, unless some step looks at a perturbed pass. */
function unetOf(settings: Settings): NetworkChoice {
  const { perturbed } = settings;
  const perturbs = perturbed && inAnyStep(settings, ({ needsPerturbed }, i) => needsPerturbed(i));
  return perturbs ? { perturbedLayers: perturbed.layers } : "unet";
}

function inAnyStep({ guidance, grid }: Settings, needs: (guidance: Guidance, index: number) => boolean): boolean {
  const over = guidanceOver(guidance, grid);
  return Array.from({ length: grid.steps }, (_, i) => needs(over, i)).includes(true);
}

async function* makeImage(index: number, context: Context): AsyncGenerator<EngineEvent> {
  const { model, settings, source, dims, unet, clock, signal } = context;
  const { plan, grid, previewEvery } = settings;
  const random = randomOf(index, dims, settings, source);
  const { noise } = random;
  let from = performance.now();
  const start = startOf(model, source, { plan, grid, index, length: dims[0] * dims[1] * dims[2], ...random });
  const network = guidedUnet(unet, guidanceOver(settings.guidance, grid));
  const run = {
    grid,
    network,
    uncond: network.uncond,
    x: start.x,
    ...(grid.steps > 0 ? { noise: noise.steps(plan.sampler, grid.sigmas, start.steps) } : {}),
    options: settings.samplerOptions,
    ...(start.halfway ? { halfway: start.halfway } : {}),
    signal,
  };
  let latent = start.x;
  yield clock.image("sample", index, 0, grid.steps);
  for await (const state of runPlan(plan, run)) {
    const { step, steps, sigmaNext, x } = state;
    start.keep?.(x, step, step < steps ? sigmaNext : undefined);
    latent = x;
    clock.add("sample", performance.now() - from);
    yield clock.image("sample", index, step, steps);
    if (previewEvery > 0 && step % previewEvery === 0 && step < steps) {
      // Looked at here only: some samplers make it when it is.
      const pixels = await clock.time("decode", () => decodeLatent(model, state.denoised, dims, signal));
      yield { type: "preview", index, step, pixels };
    }
    from = performance.now();
  }
  if (latent.some(Number.isNaN)) {
    throw new GenerationError("The network gave values that are no numbers (NaN): its weights may be damaged.", {
      backend: "local",
    });
  }
  yield clock.image("decode", index, 0, 1);
  const pixels = await clock.time("decode", () => decodeLatent(model, latent, dims, signal));
  const { seed, resolved: own } = random;
  const left = settings.givesLatent ? { latent: { shape: dims, data: latent.slice() } } : {};
  yield { type: "image", index, seed, ...(own ? { resolved: own } : {}), pixels, ...left };
  yield clock.image("decode", index, 1, 1);
}

/** Image-to-image begins with a clean latent; text-to-image goes on with a noisy one, or begins with noise. */
function latentRole({ task, startStep }: EngineJob["request"]): NonNullable<Source["latents"]>["as"] {
  if (task === "image-to-image") return "picture";
  return startStep === undefined || startStep === 0 ? "noise" : "state";
}

function imageFailed(index: number, seed: number | string, error: SerializedError): EngineEvent {
  const message = `Image ${index} failed: ${error.message}`;
  return { type: "warning", code: "image_failed", message, index, seed, error };
}
