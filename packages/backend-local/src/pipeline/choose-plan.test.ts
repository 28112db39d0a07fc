import { parseRequest } from "@latentkit/core";
import { fromDiffusers } from "@latentkit/core/diffusion";
import { expect, test } from "vitest";
import { planOf } from "./choose-plan.ts";

test("levels that a scheduler's class takes none of keep the rest of its config", () => {
  const ddpm = fromDiffusers({ _class_name: "DDPMScheduler", clip_sample: true, clip_sample_range: 2 });
  const plan = planOf(parseRequest({ prompt: "a", sigmas: [14, 5, 1, 0] }), ddpm);
  const estimate = Float32Array.of(-5, 0.5, 5);
  plan.clamp?.(estimate);
  expect(Array.from(estimate)).toEqual([-2, 0.5, 2]);
  expect(Array.from(plan.grid({ sigmas: [14, 5, 1, 0] }).sigmas)).toEqual([14, 5, 1, 0]);

  const sde = fromDiffusers({ _class_name: "DPMSolverSDEScheduler", noise_sampler_seed: 7 });
  expect(planOf(parseRequest({ prompt: "a", timesteps: [900, 400] }), sde).treeSeed).toBe(7);
});
