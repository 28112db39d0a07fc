import { type Phase, parseRequest, type SerializedError } from "@latentkit/core";
import { runPlan } from "@latentkit/core/diffusion";
import { type AdaptedModel, adaptedModel } from "../adapters/adapted-model.ts";
import { type ControlNetwork, loadControls } from "../adapters/control/loaded-controls.ts";
import { prepareControls } from "../adapters/control/prepare/prepare-controls.ts";
import { loadImagePrompt } from "../adapters/ip-adapter/image-prompts.ts";
import type { LoadedModel } from "../engine/loaded-model.ts";
import type { EngineEvent, EngineJob } from "../engine/protocol.ts";
import type { Runtime } from "../engine/runtime.ts";
import { familyOf } from "../families/families.ts";
import type { Codec, Denoiser, FamilyEngine, FamilyJob, NetworkChoice, OpenModel } from "../families/family.ts";
import { serializeError } from "../local-error.ts";
import { guidanceOver } from "./choose-guidance.ts";
import { familyJob } from "./family-job.ts";
import { guidedDenoiser } from "./guided-denoiser.ts";
import { openSecondPass, type SecondPass } from "./hires/second-pass.ts";
import { fromPixels, toLatentMask } from "./image-tensor.ts";
import { JobClock, type Stretch, wholePass } from "./job-clock.ts";
import { makeAtOnce } from "./make-at-once.ts";
import { type MemoryPlan, planMemory } from "./plan-memory.ts";
import { type RandomOfImage, randomOf, seedOf } from "./random-of-image.ts";
import { reporting } from "./reporting.ts";
import { requireFinite } from "./require-finite.ts";
import { resolved } from "./settings.ts";
import { type Source, startOf } from "./start.ts";

/** What all images of a job share. */
interface Context {
  model: OpenModel;
  job: FamilyJob;
  source: Source;
  denoiser: Denoiser;
  second: SecondPass | undefined;
  codec: Codec;
  clock: JobClock;
  signal: AbortSignal;
}

/** Makes a job's images, one after the other: image i has seed + i, and one that fails leaves the others be. */
export async function* generate(
  { request, inputs, upscaler }: EngineJob,
  model: LoadedModel,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent> {
  const family = await familyOf(model.model).engine();
  if ("picture" in family) return yield* makeAtOnce({ request, inputs }, model, family, signal);
  const asGiven = familyJob(request, model.model, inputs);
  const { settings } = asGiven;
  const clock = new JobClock(settings.count);
  const adapted = await clock.time("load", () => adaptedModel(model, request));
  const names = family.needs(asGiven, model.model).map(adapted.chosen);
  const plan = await clock.time("load", () => arrange(model, asGiven, adapted.chosen));
  await clock.time("load", () => model.check(names));
  await clock.time("load", () => loadControls(adapted, inputs.controls));
  for (const prompt of inputs.imagePrompts ?? []) await clock.time("load", () => loadImagePrompt(model, prompt));
  const controlled = inputs.controls?.length && names.includes("vaeEncoder");
  family.codec.check?.(model, asGiven.dims, inputs.image !== undefined || Boolean(controlled));
  const versions = { "onnxruntime-node": model.runtime.version };
  const { device, warnings } = model.runtime;
  yield {
    type: "started",
    resolved: resolved(settings),
    model: model.model.identity,
    versions,
    device: { name: device.name, precision: device.precision, reason: device.reason },
  };
  yield* warnings;
  const runMsBefore = await model.runMs();
  const job = { ...asGiven, inputs: yield* prepareControls(inputs, model.runtime, signal) };
  if (plan?.keeps !== false) yield* load(model, names, clock, signal);
  const opened = yield* prepare(job, family, adapted, clock, signal);
  const ofSecond = { model: adapted, family, job, upscaler, signal };
  const context = { ...opened, second: await clock.time("encode", () => openSecondPass(ofSecond)) };
  // The text encoders have done their work. Whatever is needed on wakes by itself.
  if (plan === undefined && isShort(model.runtime)) await model.rest();

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

/** Shares the CPU's memory out as the job needs it. @throws OutOfMemoryError where it does not fit. */
async function arrange(
  model: LoadedModel,
  job: FamilyJob,
  chosen?: (choice: NetworkChoice) => NetworkChoice,
): Promise<MemoryPlan | undefined> {
  const { device, maxMemory } = model.runtime;
  if (device.name !== "cpu") return undefined;
  const graphOf = (choice: NetworkChoice) => model.graph(choice);
  const besideGraph = (network: ControlNetwork) => model.besideGraph(network, network.graph);
  const plan = await planMemory(model.model, job, { maxMemory, graphOf, besideGraph, ...(chosen && { chosen }) });
  await model.arrange(plan);
  return plan;
}

/** Whether what is at work now leaves less than half of the memory that there may be. */
function isShort({ maxMemory }: Runtime): boolean {
  return maxMemory !== undefined && process.memoryUsage.rss() > maxMemory / 2;
}

/** Loads what the shortest request takes. */
export async function warmUp(model: LoadedModel, signal: AbortSignal): Promise<void> {
  const [task] = model.model.traits.tasks;
  const request = parseRequest({ ...(task === "unconditional" ? { task, classLabel: 0 } : { prompt: "" }) });
  const family = await familyOf(model.model).engine();
  const job = familyJob(request, model.model, {});
  const plan = "picture" in family ? undefined : await arrange(model, job);
  const needs = family.needs(job, model.model);
  // Of those that take turns the first ones are what there is room for.
  await model.load(plan?.keeps === false ? needs.slice(0, 1) : needs, signal);
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
  job: FamilyJob,
  family: FamilyEngine,
  model: AdaptedModel,
  clock: JobClock,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent, Omit<Context, "second">> {
  const { codec } = family;
  const { request } = job;
  const { image, mask, latents } = job.inputs;
  const steps = image === undefined || !job.settings.startsFromPicture ? 1 : 2;
  yield clock.phase("encode", 0, steps);
  const denoiser = await clock.time("encode", () => family.open(model, job, signal));
  yield* [...model.warnings, ...job.steering.warnings, ...denoiser.warnings];
  yield clock.phase("encode", 1, steps);

  const source: Source = { strength: "strength" in request ? request.strength : 1 };
  if (latents !== undefined) {
    const as = latentRole(request);
    source.latents = { data: latents, as };
    if (as === "picture" && (request.startStep ?? 0) > 0) yield noisedAgain;
  }
  const { scale, maskSquares } = model.model.traits;
  if (mask !== undefined) source.mask = toLatentMask(mask, scale, maskSquares);
  if (image !== undefined && job.settings.startsFromPicture) {
    const picture = fromPixels(image, model.model.traits.transparent);
    const distribution = denoiser.encoded ?? (await clock.time("encode", () => codec.encode(model, picture, signal)));
    source.picture = (randn) => codec.draw(model, distribution, randn);
    source.encodedOnce = model.model.traits.encodesPictureOnce;
    yield clock.phase("encode", 2, steps);
  }
  return { model, job, source, denoiser, codec, clock, signal };
}

async function* makeImage(index: number, context: Context): AsyncGenerator<EngineEvent> {
  const { model, job, source, denoiser, second, codec, clock, signal } = context;
  const { settings } = job;
  const isAll = second === undefined;
  const first = {
    job,
    denoiser,
    phase: "sample",
    stretch: isAll ? wholePass : { from: 0, to: shareOf(job, second.job) },
  };
  let { latent, random } = yield* sample(index, first, source, context);
  let { dims } = job;
  const { seed, resolved: own } = random;
  if (second !== undefined) {
    const enlarged = await clock.time("sample", () => second.sourceOf(latent));
    const stretch = { from: first.stretch.to, to: 1 };
    ({ latent } = yield* sample(index, { ...second, phase: "hires", stretch }, enlarged, context));
    ({ dims } = second.job);
  }
  yield clock.image("decode", index, 0, 1);
  const from = performance.now();
  const decoding = reporting((onProgress) => codec.decode(model, latent, dims, signal, onProgress));
  let next = await decoding.next();
  for (; !next.done; next = await decoding.next()) yield clock.image("decode", index, ...next.value);
  const pixels = next.value;
  clock.add("decode", performance.now() - from);
  const left = settings.givesLatent ? { latent: { shape: dims, data: latent.slice() } } : {};
  yield { type: "image", index, seed, ...(own ? { resolved: own } : {}), pixels, ...left };
  yield clock.image("decode", index, 1, 1);
}

/** One pass over a picture, and which part of its work it is. */
interface Pass {
  job: FamilyJob;
  denoiser: Denoiser;
  phase: Phase;
  stretch: Stretch;
}

/** About which share of two passes' work the first is: steps count by their pixels. */
function shareOf(...passes: [FamilyJob, FamilyJob]): number {
  const [first, second] = passes.map(({ dims, settings }) => settings.grid.steps * dims[1] * dims[2]) as [
    number,
    number,
  ];
  return first + second === 0 ? 1 : first / (first + second);
}

/** Runs one pass over image `index`. */
async function* sample(
  index: number,
  { job, denoiser, phase, stretch }: Pass,
  source: Source,
  { model, codec, clock, signal }: Context,
): AsyncGenerator<EngineEvent, { latent: Float32Array; random: RandomOfImage }> {
  const { settings, dims } = job;
  const { plan, grid, previewEvery } = settings;
  const random = randomOf(index, dims, settings, source);
  const { noise } = random;
  let from = performance.now();
  const length = dims[0] * dims[1] * dims[2];
  const start = startOf(source, {
    plan,
    grid,
    index,
    length,
    ...random,
    beside: denoiser.beside,
    blends: denoiser.blends,
    drawsPicture: denoiser.drawsPicture,
  });
  const network = guidedDenoiser(denoiser, guidanceOver(settings.guidance, grid), start.beside);
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
  yield clock.image(phase, index, 0, grid.steps, stretch);
  for await (const state of runPlan(plan, run)) {
    const { step, steps, sigmaNext, x } = state;
    start.keep?.(x, step, step < steps ? sigmaNext : undefined);
    latent = x;
    clock.add("sample", performance.now() - from);
    yield clock.image(phase, index, step, steps, stretch);
    if (previewEvery > 0 && step % previewEvery === 0 && step < steps) {
      // Looked at here only: some samplers make it when it is.
      const look = state.denoised;
      const pixels = await clock.time("decode", () =>
        codec.preview ? codec.preview(model, look, dims, signal) : codec.decode(model, look, dims, signal),
      );
      yield { type: "preview", index, step, pixels };
    }
    from = performance.now();
  }
  requireFinite(latent, "denoising network");
  return { latent, random };
}

/** Image-to-image begins with a clean latent; text-to-image goes on with a noisy one, or begins with noise. */
function latentRole({ task, startStep }: EngineJob["request"]): NonNullable<Source["latents"]>["as"] {
  if (task === "image-to-image") return "picture";
  return startStep === undefined || startStep === 0 ? "noise" : "state";
}

/** Two requests that share their steps go through here by mistake easily: diffusers' refiner has the other meaning. */
const noisedAgain: EngineEvent = {
  type: "warning",
  code: "latent_noised",
  field: "startStep",
  message:
    'latent: image-to-image takes it for a clean picture, and lays the noise of startStep over it; one that another request left at that step (endStep) is gone on with by task "text-to-image"',
};

function imageFailed(index: number, seed: number | string, error: SerializedError): EngineEvent {
  const message = `Image ${index} failed: ${error.message}`;
  return { type: "warning", code: "image_failed", message, index, seed, error };
}
