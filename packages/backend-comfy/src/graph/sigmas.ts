import type { GraphBuilder, Link } from "./graph.ts";
import type { Pipeline } from "./model.ts";
import type { Plan } from "./plan.ts";
import type { Pass } from "./sample.ts";
import { samplerNodes, schedulerNodes } from "./sampler-nodes.ts";

/** The sampler as a node: with its options where it has some. */
export function samplerNode(g: GraphBuilder, plan: Plan, { model }: Pipeline): Link {
  const { sampler, samplerOptions } = plan;
  const own = samplerOptions === undefined ? undefined : samplerNodes[sampler];
  if (own === undefined) {
    return g.add("sampler-select", "KSamplerSelect", { sampler_name: sampler }, { sampler_name: "sampler" })();
  }
  const inputs = { ...(own.takesModel ? { model } : {}), ...own.options, ...own.fixed, ...samplerOptions };
  return g.add("sampler-select", own.node, inputs, fieldsOf("samplerOptions", own.options))();
}

/** How many steps a pass takes: its own, or those of the request's sigmas, of which a strength keeps the last. */
export function stepsOf(plan: Plan, pass: Pass): number {
  const { sigmas } = plan.request;
  return sigmas === undefined ? pass.steps : Math.floor((sigmas.length - 1) * pass.denoise);
}

/** Steps from the first to the one after the last. */
export interface StepRange {
  from: number;
  to: number;
}

/** Which of a pass's steps are run: `startStep` and `endStep` are about the first pass. */
export function rangeOf({ request }: Plan, { name }: Pass, steps: number): StepRange {
  if (name !== "sampler") return { from: 0, to: steps };
  const { startStep = 0, endStep = steps } = request;
  return { from: Math.min(startStep, steps), to: Math.min(endStep, steps) };
}

/** The noise levels of the steps of a pass that are run. */
export function sigmasNode(g: GraphBuilder, plan: Plan, pipeline: Pipeline, pass: Pass): Link {
  const { sigmas } = plan.request;
  const steps = stepsOf(plan, pass);
  const { from, to } = rangeOf(plan, pass, steps);
  const id = `${pass.name}-sigmas`;
  if (sigmas !== undefined) {
    const kept = sigmas.slice(sigmas.length - 1 - steps).slice(from, to + 1);
    return g.add(id, "ManualSigmas", { sigmas: kept.join(", ") }, { sigmas: "sigmas" })();
  }
  let levels = allSigmas(g, plan, pipeline, pass, id);
  if (to < steps) levels = g.add(`${id}-first`, "SplitSigmas", { sigmas: levels, step: to }, { step: "endStep" })(0);
  if (from > 0) levels = g.add(`${id}-rest`, "SplitSigmas", { sigmas: levels, step: from }, { step: "startStep" })(1);
  return levels;
}

function allSigmas(g: GraphBuilder, plan: Plan, pipeline: Pipeline, pass: Pass, id: string): Link {
  const { scheduler, schedulerOptions } = plan;
  const fields = { steps: pass.stepsField ?? "steps", denoise: pass.denoiseField ?? "strength" };
  if (isFlux2(plan)) {
    const { width, height } = plan;
    const whole = Math.floor(pass.steps / pass.denoise);
    const all = g.add(id, "Flux2Scheduler", { steps: whole, width, height }, { steps: fields.steps })();
    if (whole === pass.steps) return all;
    return g.add(`${id}-last`, "SplitSigmas", { sigmas: all, step: whole - pass.steps })(1);
  }
  const turbo = turboSigmas(plan, pass);
  if (turbo !== undefined) return g.add(id, "ManualSigmas", { sigmas: turbo })();
  const own = needsSchedulerNode(plan) ? schedulerNodes[scheduler] : undefined;
  if (own === undefined) {
    const inputs = { model: pipeline.model, scheduler, steps: pass.steps, denoise: pass.denoise };
    return g.add(id, "BasicScheduler", inputs, { ...fields, scheduler: "scheduler" })();
  }
  // As KSampler does it: so many steps that the share to be run has as many as were asked for.
  const total = Math.floor(pass.steps / pass.denoise);
  const linked = own.takesModel ? { model: pipeline.model } : {};
  const ofFamily = plan.family === "sdxl" && "model_type" in own.options ? { model_type: "SDXL" } : {};
  const inputs = { ...linked, steps: total, ...own.options, ...ofFamily, ...own.fixed, ...schedulerOptions };
  const all = g.add(id, own.node, inputs, { ...fieldsOf("schedulerOptions", own.options), steps: fields.steps })();
  if (total === pass.steps) return all;
  return g.add(`${id}-last`, "SplitSigmas", { sigmas: all, step: total - pass.steps })(1);
}

/** Whether the scheduler has options, or is none that a KSampler has. */
export function needsSchedulerNode(plan: Plan): boolean {
  return plan.schedulerOptions !== undefined || plan.ownScheduler === true || isFlux2(plan) || isTurbo(plan);
}

/** FLUX.2's levels depend on the size of the picture, and on nothing of the model's. */
function isFlux2({ family, scheduler }: Plan): boolean {
  return family === "flux2" && scheduler === "flux2";
}

/** Qwen-Image 2.1 turbo was distilled at these levels, and is run at no others. */
const turboLevels = [1, 0.978453, 0.95418, 0.926626, 0.89508, 0.845148, 0.704534, 0.414568, 0];

function isTurbo({ family, model, scheduler, steps }: Plan): boolean {
  return family === "qwen-image-2.1" && /turbo/i.test(model?.name ?? "") && scheduler === "simple" && steps === 8;
}

function turboSigmas(plan: Plan, { steps, denoise }: Pass): string | undefined {
  if (!isTurbo(plan) || steps !== 8) return undefined;
  return turboLevels.slice(turboLevels.length - 1 - Math.max(1, Math.round(8 * denoise))).join(", ");
}

function fieldsOf(field: string, options: object): Record<string, string> {
  return Object.fromEntries(Object.keys(options).map((name) => [name, `${field}.${name}`]));
}
