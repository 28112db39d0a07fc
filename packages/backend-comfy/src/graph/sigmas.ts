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

/** The noise levels of a pass, from its first step to its last. */
export function sigmasNode(g: GraphBuilder, plan: Plan, pipeline: Pipeline, pass: Pass): Link {
  const { scheduler, schedulerOptions, request } = plan;
  const id = `${pass.name}-sigmas`;
  if (request.sigmas !== undefined) {
    const kept = request.sigmas.slice(request.sigmas.length - 1 - stepsOf(plan, pass));
    return g.add(id, "ManualSigmas", { sigmas: kept.join(", ") }, { sigmas: "sigmas" })();
  }
  const fields = { steps: pass.stepsField ?? "steps", denoise: pass.denoiseField ?? "strength" };
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
export function needsSchedulerNode({ schedulerOptions, ownScheduler }: Plan): boolean {
  return schedulerOptions !== undefined || ownScheduler === true;
}

function fieldsOf(field: string, options: object): Record<string, string> {
  return Object.fromEntries(Object.keys(options).map((name) => [name, `${field}.${name}`]));
}
