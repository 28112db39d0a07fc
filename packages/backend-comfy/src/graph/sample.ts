import { maxSeed } from "@latentkit/core";
import { exactInteger } from "../http/exact-json.ts";
import type { Conditions } from "./conditions.ts";
import { type GraphBuilder, idOf, type Link } from "./graph.ts";
import type { Pipeline } from "./model.ts";
import type { Plan } from "./plan.ts";

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
export function sample(g: GraphBuilder, plan: Plan, pipeline: Pipeline, conditions: Conditions, pass: Pass): Link {
  if (plan.family === "flux") return sampleGuided(g, plan, pipeline, conditions, pass);
  if (plan.request.sigmas !== undefined) return sampleSigmas(g, plan, pipeline, conditions, pass);
  return g.add(
    idOf(pass.name, pass.index),
    "KSampler",
    {
      model: pipeline.model,
      seed: seedOf(plan, pass),
      steps: pass.steps,
      cfg: plan.guidanceScale,
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

/** Flux has its guidance inside the model: noise, guider, sampler and sigmas are nodes of their own. */
function sampleGuided(g: GraphBuilder, plan: Plan, pipeline: Pipeline, conditions: Conditions, pass: Pass): Link {
  const { model } = pipeline;
  const noise = g.add(
    idOf(`${pass.name}-noise`, pass.index),
    "RandomNoise",
    { noise_seed: seedOf(plan, pass) },
    { noise_seed: "seed" },
  )();
  const guider = g.add("guider", "BasicGuider", { model, conditioning: conditions.positive })();
  const sampler = samplerSelect(g, plan);
  const sigmas =
    plan.request.sigmas !== undefined
      ? manualSigmas(g, plan.request.sigmas)
      : g.add(
          `${pass.name}-sigmas`,
          "BasicScheduler",
          { model, scheduler: plan.scheduler, steps: pass.steps, denoise: pass.denoise },
          { scheduler: "scheduler", steps: pass.stepsField ?? "steps", denoise: pass.denoiseField ?? "strength" },
        )();
  const inputs = { noise, guider, sampler, sigmas, latent_image: pass.latent };
  return g.add(idOf(pass.name, pass.index), "SamplerCustomAdvanced", inputs)();
}

function sampleSigmas(g: GraphBuilder, plan: Plan, pipeline: Pipeline, conditions: Conditions, pass: Pass): Link {
  return g.add(
    idOf(pass.name, pass.index),
    "SamplerCustom",
    {
      model: pipeline.model,
      add_noise: true,
      noise_seed: seedOf(plan, pass),
      cfg: plan.guidanceScale,
      ...conditions,
      sampler: samplerSelect(g, plan),
      sigmas: manualSigmas(g, plan.request.sigmas ?? []),
      latent_image: pass.latent,
    },
    { noise_seed: "seed", cfg: "guidanceScale" },
  )();
}

function samplerSelect(g: GraphBuilder, plan: Plan): Link {
  return g.add("sampler-select", "KSamplerSelect", { sampler_name: plan.sampler }, { sampler_name: "sampler" })();
}

function manualSigmas(g: GraphBuilder, sigmas: readonly number[]): Link {
  return g.add("sigmas", "ManualSigmas", { sigmas: sigmas.join(", ") }, { sigmas: "sigmas" })();
}

function seedOf(plan: Plan, { index }: Pass): number | bigint {
  return exactInteger((plan.seed + BigInt(index)) % (maxSeed + 1n));
}
