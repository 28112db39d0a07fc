import { describe, expect, it } from "vitest";
import { makeFlowSchedule } from "./flow-schedule.ts";
import { TorchGenerator } from "./noise/torch-generator.ts";
import { makeNoiseSchedule } from "./noise-schedule.ts";
import { makePlan } from "./plan.ts";
import type { Sampler } from "./sampler.ts";
import { type SamplerName, samplers } from "./samplers.ts";
import { makeSigmas, type SchedulerName } from "./schedulers.ts";
import type { Space } from "./space.ts";
import { readFixture, recordedComfyModel, relativeError } from "./test-oracle.ts";

interface Case {
  name: SamplerName;
  space: Space;
  options: Record<string, unknown>;
  /** The levels that SA-Solver's noise is between. */
  interval: [number, number];
  sigmas: number[];
  levels: number[];
  offset: number;
}

interface Fixture {
  samplers: Case[];
  layouts: { sampler: SamplerName; scheduler: SchedulerName; n: number; sigmas: number[] }[];
  schedulers: { name: SchedulerName; n: number; options: object; sigmas: number[] }[];
}

const SIZE = 32;
const { header, data } = readFixture<Fixture>("named");

/** Where float32 rounding is amplified, so that 1e-5 can't be held; the reason beside each. */
const looser: Partial<Record<SamplerName, number>> = {
  // Each step's length comes out of float32 errors and sums.
  dpm_adaptive: 3e-4,
  // The reference sums 10 000 float32 terms for each weight.
  deis: 1e-4,
  // It goes through x/√(1 + σ²) and back at each call.
  uni_pc: 1e-4,
  uni_pc_bh2: 1e-4,
  // It solves a Vandermonde system of float32 λ for its weights.
  sa_solver: 1e-4,
  sa_solver_pece: 1e-4,
};

/** As {@link makePlan} asks for ComfyUI's numbers. */
function comfyOptions({ name, space, interval }: Case): object {
  const schedule = space === "flow" ? makeFlowSchedule() : makeNoiseSchedule();
  const prediction = space === "flow" ? "flow_prediction" : "epsilon";
  const plan = makePlan({ sampler: name, scheduler: "normal", schedule, prediction, convention: "comfyui" });
  if (!name.startsWith("sa_solver")) return plan.options;
  const { asComfy, tauRange } = plan.options as { asComfy?: { tauRange: number[] }; tauRange?: number[] };
  expect(relativeError((asComfy?.tauRange ?? tauRange)!, interval)).toBeLessThan(1e-6);
  return plan.options;
}

describe("samplers by name", () => {
  it.each(header.samplers.map((test) => [`${test.name} ${test.space} ${JSON.stringify(test.options)}`, test] as const))(
    "%s are the reference's",
    async (_, test) => {
      const generator = new TorchGenerator(3);
      const first = Math.fround(test.sigmas[0]!);
      const x = generator.randn(SIZE).map((value) => value * first);
      const { calls, model, uncond } = recordedComfyModel(SIZE);
      const given = Object.entries(test.options).map(([key, value]) => {
        const camel = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
        return [camel === "maxOrder" ? "order" : camel, value];
      });
      const options = { ...comfyOptions(test), ...Object.fromEntries(given), uncond };
      const sampler: Sampler = samplers[test.name];
      const noise = () => generator.randn(SIZE);
      let last: Float32Array = x;
      for await (const step of sampler({ model, x, sigmas: test.sigmas, space: test.space, noise, options }))
        last = step.x;
      const levels = calls.map(({ level }) => level);
      expect(relativeError(levels, test.levels)).toBeLessThan(1e-4);
      // Without a 0 at the end, ComfyUI's SA-Solver gives back the latent of the last call: the last step is left out.
      const unfinished = test.name.startsWith("sa_solver") && test.sigmas.at(-1)! > 0;
      for (const [i, call] of [...calls, ...(unfinished ? [] : [{ x: last }])].entries()) {
        const from = test.offset + i * SIZE;
        const error = relativeError(call.x, data.subarray(from, from + SIZE));
        // UniPC's reference takes log(1 − α²) in float32, which at σ = 0.001 has one digit left.
        const ends = test.name.startsWith("uni_pc") && i === calls.length;
        expect(error, `call ${i}`).toBeLessThan(ends ? 1e-3 : (looser[test.name] ?? 1e-5));
      }
    },
  );
});

describe("levels by name", () => {
  const schedule = makeNoiseSchedule();

  it.each(header.layouts)("$sampler has KSampler's $n steps of $scheduler", ({ sampler, scheduler, n, sigmas }) => {
    const plan = makePlan({ sampler, scheduler, schedule, prediction: "epsilon" });
    expect(relativeError(plan.grid({ steps: n }).sigmas, sigmas)).toBeLessThan(1e-6);
  });

  it("are A1111's under its convention", () => {
    const levels = (sampler: SamplerName, convention?: "a1111") =>
      Array.from(
        makePlan({ sampler, scheduler: "karras", schedule, prediction: "epsilon", convention }).grid({ steps: 5 })
          .sigmas,
      );
    const dropped = levels("dpm_2");
    expect(dropped).toHaveLength(6);
    expect(levels("dpm_2", "a1111")).toEqual(dropped);
    expect(levels("dpmpp_3m_sde", "a1111")).toEqual(dropped);
    expect(levels("uni_pc", "a1111")).toEqual(levels("euler"));
    expect(levels("dpmpp_3m_sde")).toEqual(levels("euler"));
  });

  it.each(header.schedulers)("$name: $n steps with $options", ({ name, n, options, sigmas }) => {
    const actual = makeSigmas(name, n, schedule, options);
    expect(relativeError(actual, sigmas)).toBeLessThan(1e-6);
    for (const [i, sigma] of sigmas.entries()) expect(Math.abs(actual[i]! - sigma)).toBeLessThanOrEqual(2e-5 * sigma);
  });

  it("take a flow model's shift", () => {
    const plan = (shift: number, trained: number) =>
      makePlan({
        sampler: "euler",
        scheduler: "simple",
        schedule: makeFlowSchedule({ shift: trained }),
        prediction: "flow_prediction",
        schedulerOptions: { shift },
      }).grid({ steps: 7 });
    expect(Array.from(plan(3, 1).sigmas)).toEqual(Array.from(plan(3, 8).sigmas));
    expect(plan(3, 1).sigmas[3]).toBeGreaterThan(plan(1, 1).sigmas[3]!);
    const shift = { scheduler: "karras", schedule, prediction: "epsilon", schedulerOptions: { shift: 3 } } as const;
    expect(() => makePlan({ sampler: "euler", ...shift })).toThrow(/schedulerOptions\.shift.*flow/);
  });
});
