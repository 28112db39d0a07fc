import { maxSeed } from "@latentkit/core";
import { exactInteger } from "../http/exact-json.ts";
import { isDev } from "../plan/family.ts";
import { type GraphBuilder, idOf, type Link } from "./graph.ts";
import { guidedModel, type Stretch, stretchesOf } from "./guidance.ts";
import type { Conditions } from "./guides.ts";
import type { Pipeline } from "./model.ts";
import type { Plan } from "./plan.ts";
import { needsSchedulerNode, rangeOf, samplerNode, sigmasNode, stepsOf } from "./sigmas.ts";

/** One pass of the sampler. */
export interface Pass {
  /** Base of the node's id: `sampler`, or `hires-sampler`. */
  name: string;
  /** Which picture. */
  index: number;
  latent: Link;
  /** 1 starts from noise alone. */
  denoise: number;
  denoiseField?: string;
  steps: number;
  stepsField?: string;
}

/** Samples one picture's latent, with its own seed. */
export function sample(g: GraphBuilder, plan: Plan, pipeline: Pipeline, conditions: Conditions, asked: Pass): Link {
  // The step to start at says how much noise there is, in place of a strength.
  const started = plan.request.startStep === undefined || asked.name !== "sampler" ? asked : { ...asked, denoise: 1 };
  const pass = bySteps(plan, started);
  const steps = stepsOf(plan, pass);
  const range = rangeOf(plan, pass, steps);
  const isWhole = range.from === 0 && range.to === steps;
  const isCustom =
    !isWhole || plan.request.sigmas !== undefined || plan.samplerOptions !== undefined || needsSchedulerNode(plan);
  if (range.from === range.to || pass.denoise === 0) return pass.latent;
  const guided: Pipeline = { ...pipeline, model: guidedModel(g, plan, pipeline.model) };
  if (plan.family === "flux") {
    const guider = g.add("guider", "BasicGuider", { model: guided.model, conditioning: conditions.positive })();
    return sampleStretches(g, plan, guided, pass, [{ ...range, guider }]);
  }
  const stretches = stretchesOf(plan, steps, range);
  if (stretches.length > 1 || stretches[0]?.isGuided === false) {
    return sampleStretches(g, plan, pipeline, pass, withGuiders(g, plan, pipeline, guided, conditions, stretches));
  }
  if (isCustom) return sampleCustom(g, plan, guided, conditions, pass, range.to - range.from);
  return g.add(
    idOf(pass.name, pass.index),
    "KSampler",
    {
      model: guided.model,
      seed: seedOf(plan, pass),
      steps: pass.steps,
      cfg: cfgOf(plan),
      sampler_name: plan.sampler,
      scheduler: plan.scheduler,
      ...conditions,
      latent_image: pass.latent,
      denoise: pass.denoise,
    },
    {
      seed: "seed",
      steps: pass.stepsField ?? "steps",
      cfg: "guidanceScale",
      sampler_name: "sampler",
      scheduler: "scheduler",
      denoise: pass.denoiseField ?? "strength",
    },
  )();
}

/** As diffusers count them, a strength leaves the last of the asked steps: told by how the server works it out. */
function bySteps({ strengthConvention, request }: Plan, pass: Pass): Pass {
  const { steps, denoise } = pass;
  if (strengthConvention !== "diffusers" || denoise === 1 || request.sigmas !== undefined) return pass;
  const kept = Math.min(Math.floor(steps * denoise), steps);
  if (kept === 0) return { ...pass, denoise: 0 };
  // The server takes floor(kept / denoise) for the whole: a hair less than the share keeps that from falling short.
  return { ...pass, steps: kept, denoise: kept === steps ? 1 : (kept / steps) * (1 - 1e-12) };
}

function sampleCustom(
  g: GraphBuilder,
  plan: Plan,
  pipeline: Pipeline,
  conditions: Conditions,
  pass: Pass,
  steps: number,
): Link {
  return g.add(
    idOf(pass.name, pass.index),
    "SamplerCustom",
    {
      model: pipeline.model,
      add_noise: true,
      noise_seed: seedOf(plan, pass),
      cfg: cfgOf(plan),
      ...conditions,
      sampler: samplerNode(g, plan, pipeline),
      sigmas: sigmasNode(g, plan, pipeline, pass),
      latent_image: pass.latent,
    },
    { noise_seed: "seed", cfg: "guidanceScale" },
    { steps },
  )();
}

type GuidedStretch = Omit<Stretch, "isGuided"> & { guider: Link };

function withGuiders(
  g: GraphBuilder,
  plan: Plan,
  plain: Pipeline,
  guided: Pipeline,
  conditions: Conditions,
  stretches: readonly Stretch[],
): GuidedStretch[] {
  const withGuidance = () => {
    const inputs = { model: guided.model, ...conditions, cfg: plan.guidanceScale };
    return g.add("guider", "CFGGuider", inputs, { cfg: "guidanceScale" })();
  };
  const without = () =>
    g.add("guider-unguided", "BasicGuider", { model: plain.model, conditioning: conditions.positive })();
  return stretches.map(({ isGuided, ...stretch }) => ({ ...stretch, guider: isGuided ? withGuidance() : without() }));
}

/** Noise, guider, sampler and sigmas as nodes of their own; one sampler node a stretch, each going on where the last ended. */
function sampleStretches(
  g: GraphBuilder,
  plan: Plan,
  pipeline: Pipeline,
  pass: Pass,
  stretches: readonly GuidedStretch[],
): Link {
  const { name, index } = pass;
  const seed = { noise_seed: seedOf(plan, pass) };
  const noise = g.add(idOf(`${name}-noise`, index), "RandomNoise", seed, { noise_seed: "seed" })();
  const sampler = samplerNode(g, plan, pipeline);
  let sigmas = sigmasNode(g, plan, pipeline, pass);
  const [start, end] = [stretches[0]!.from, stretches.at(-1)!.to];
  let latent = pass.latent;
  for (const [i, { from, to, guider }] of stretches.entries()) {
    const isLast = to === end;
    const split = isLast ? undefined : g.add(`${name}-sigmas-${i + 1}`, "SplitSigmas", { sigmas, step: to - from });
    const added = i === 0 ? noise : g.add("no-noise", "DisableNoise", {})();
    const inputs = { noise: added, guider, sampler, sigmas: split?.(0) ?? sigmas, latent_image: latent };
    const meta = { steps: to - from, ...(stretches.length > 1 ? { from: from - start, of: end - start } : {}) };
    latent = g.add(idOf(isLast ? name : `${name}-part-${i + 1}`, index), "SamplerCustomAdvanced", inputs, {}, meta)();
    sigmas = split?.(1) ?? sigmas;
  }
  return latent;
}

/** A model that has its guidance inside is not guided once more. */
function cfgOf({ family, model, guidanceScale }: Plan): number {
  return family === "flux2" && isDev(model?.name ?? "") ? 1 : guidanceScale;
}

function seedOf(plan: Plan, { index }: Pass): number | bigint {
  return exactInteger((plan.seed + BigInt(index)) % (maxSeed + 1n));
}
