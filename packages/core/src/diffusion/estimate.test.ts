import { describe, expect, it } from "vitest";
import { fromDiffusers } from "./diffusers/from-diffusers.ts";
import { Estimate } from "./estimate.ts";
import { torchRandn } from "./noise/torch-generator.ts";
import { runPlan } from "./plan.ts";
import { denoiser, scalingsOf } from "./prediction.ts";
import { euler } from "./samplers/euler.ts";
import { relativeError } from "./test-oracle.ts";

describe("an estimate", () => {
  const [x, output] = [torchRandn(1, 2000), torchRandn(2, 2000)];
  const scalings = { skip: 0.7, out: -1.3 };
  const expected = x.map((value, i) => 0.7 * value - 1.3 * output[i]!);

  it("is the same as a sum, as a term of one, of a copy, and looked at again", () => {
    const x0 = new Estimate(x, output.slice(), scalings);
    const step = x.map((value, i) => 0.4 * value + 0.6 * expected[i]! + 2 * output[i]!);
    const took = () => x0.sum(new Float32Array(2000), 0.4, 0.6, [2], [output]);
    expect(relativeError(x0.sum(new Float32Array(2000), 0, 1), expected)).toBeLessThan(1e-6);
    expect(relativeError(took(), step)).toBeLessThan(1e-6);
    const copied = x.slice();
    const ofCopy = new Estimate(copied, output.slice(), scalings).ofCopy(new Float32Array(2000));
    copied.fill(0);
    expect(relativeError(ofCopy.denoised, expected)).toBeLessThan(1e-6);
    expect(relativeError(x0.denoised, expected)).toBeLessThan(1e-6);
    expect(x0.denoised).toBe(x0.denoised);
    expect(relativeError(x0.denoised, expected)).toBeLessThan(1e-6);
    expect(relativeError(took(), step)).toBeLessThan(1e-6);
  });

  it("of a network that predicts ε has just that for its direction", () => {
    for (const sigma of [0.03, 0.2, 0.5, 0.77, 0.99]) {
      const x0 = new Estimate(x, output.slice(), scalingsOf("epsilon", "vp", sigma));
      expect(x0.direction(new Float32Array(2000), "vp", sigma)).toEqual(output);
    }
  });
});

/** Lengths below and above where a run has a workspace. */
describe.each([32, 2048])("estimates that nobody need look at, %i values", (length) => {
  const betas = { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012 };
  const cases = {
    EulerDiscreteScheduler: {},
    HeunDiscreteScheduler: {},
    PNDMScheduler: { skip_prk_steps: true },
    "PNDMScheduler with a Runge-Kutta start": {},
    "PNDMScheduler of v": { skip_prk_steps: true, prediction_type: "v_prediction" },
  };
  const network = async (input: Float32Array) => Float32Array.from(input, (value) => 0.9 * Math.tanh(value));
  const start = (plan: ReturnType<typeof fromDiffusers>, failAfter = Number.POSITIVE_INFINITY) => {
    const grid = plan.grid({ steps: 6 });
    const x = torchRandn(1, length).map((value) => value * grid.initNoiseSigma);
    const seen: { x: Float32Array; sigma: number }[] = [];
    const run = runPlan(plan, {
      grid,
      x,
      network: async (input, timestep) => {
        if (seen.length >= failAfter) throw new Error("no more memory");
        seen.push({ x: input.slice(), sigma: plan.schedule.timestepToSigma(timestep) });
        return network(input);
      },
    });
    return { run, seen };
  };

  describe.each(Object.entries(cases))("%s", (name, rest) => {
    const plan = fromDiffusers({ _class_name: name.split(" ")[0]!, ...betas, ...rest });

    it("are what the network's call says, and looking changes no step", async () => {
      const { run, seen } = start(plan);
      const unseen: Float32Array[] = [];
      for await (const step of start(plan).run) unseen.push(step.x.slice());
      let previous: Float32Array | undefined;
      for await (const step of run) {
        const { x: input } = seen.at(-1)!;
        const { sigma } = seen.at(-1)!;
        // From the network's own input, whose signal and noise have α² + σ² = 1 whatever the space.
        const alpha = 1 / Math.hypot(1, sigma);
        const output = await network(input);
        const of =
          plan.prediction === "epsilon"
            ? input.map((value, i) => (value - alpha * sigma * output[i]!) / alpha)
            : input.map((value, i) => alpha * value - alpha * sigma * output[i]!);
        expect(relativeError(step.denoised, of)).toBeLessThan(1e-4);
        expect(step.x).toEqual(unseen.shift());
        expect(step.x).toBe(previous ?? step.x);
        previous = step.x;
      }
      expect(unseen).toHaveLength(0);
    });

    it("can be made after the next step's call has failed", async () => {
      const sound = start(plan);
      let expected: Float32Array | undefined;
      for await (const step of sound.run) {
        expected = step.denoised.slice();
        if (step.step === 3) break;
      }
      const calls = sound.seen.length;
      for (const more of plan.sampler === "heun" ? [0, 1] : [0]) {
        let last: { denoised: Float32Array } | undefined;
        const failing = async () => {
          for await (const step of start(plan, calls + more).run) last = step;
        };
        await expect(failing()).rejects.toThrow("no more memory");
        expect(last!.denoised).toEqual(expected);
      }
    });
  });

  it("are of the sampler's own kind where it is called by itself", async () => {
    const model = denoiser(network, { prediction: "epsilon", space: "ve", timestepOf: (sigma) => sigma });
    const plain = async (...args: [Float32Array, number, number]) => model(...args);
    const x = torchRandn(1, length).map((value) => 9 * value);
    const steps = (of: typeof model) => euler({ model: of, x, sigmas: [9, 4, 1, 0] });
    const expected = steps(plain);
    let previous: Float32Array | undefined;
    for await (const step of steps(model)) {
      const { value } = await expected.next();
      expect(relativeError(step.denoised, value!.denoised)).toBeLessThan(1e-6);
      expect(relativeError(step.x, value!.x)).toBeLessThan(1e-6);
      expect(step.x).toBe(previous ?? step.x);
      previous = step.x;
    }
  });
});
