import { describe, expect, it, vi } from "vitest";
import type { SamplerName } from "../samplers.ts";
import { relativeError } from "../test-oracle.ts";

type Diffusion = typeof import("../index.ts");
type Blend = typeof import("../blend.ts");
type Workspaces = typeof import("./workspaces.ts");

/** The modules as they are where WebAssembly is there, or a page's security policy forbids it. */
async function load(allowed: boolean): Promise<{ diffusion: Diffusion; sums: Blend; workspaces: Workspaces }> {
  vi.resetModules();
  if (!allowed) {
    const refuse = () => {
      throw new Error("refused by the content security policy");
    };
    vi.stubGlobal("WebAssembly", { Module: refuse, Memory: refuse, Instance: refuse });
  }
  const diffusion = await import("../index.ts");
  const [sums, workspaces] = [await import("../blend.ts"), await import("./workspaces.ts")];
  // The first use decides.
  sums.scale(new Float32Array(2000), 2, diffusion.torchRandn(1, 2000));
  vi.unstubAllGlobals();
  return { diffusion, sums, workspaces };
}

const kernels = await load(true);
const loops = await load(false);

it("kernels are used where they can be, and only there", async () => {
  expect(kernels.workspaces.takeWorkspace(2000)).toBeDefined();
  expect(loops.workspaces.takeWorkspace(2000)).toBeUndefined();
  const { fillNormals } = await import("../noise/normals.ts");
  expect(fillNormals(new Float32Array(512), 512, new Uint32Array(624), 624)).toBeUndefined();
});

/** With all a float32 can be: tiny, huge, signed zeros, infinite and no number. */
function values(seed: number, length: number): Float32Array {
  const out = kernels.diffusion.torchRandn(seed, length);
  const special = [0, -0, 1e-45, -1e-39, 3e38, -3e38, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
  for (const [i, value] of special.entries()) out[(i * 97 + seed * 31) % length] = value;
  return out;
}

/** The bits, but that one NaN is as good as another. */
function bits(array: Float32Array): Uint32Array {
  return new Uint32Array(Float32Array.from(array, (value) => (Number.isNaN(value) ? Number.NaN : value)).buffer);
}

/** Lengths below and above where kernels take over, with chunks whole and broken, and vectors too. */
const lengths = [1, 7, 1023, 1024, 1029, 4096, 4100, 9001];
const weights = [0.3, -1.7, 1e-3, 12.5, -0.9999, 1 / 3, 2, -4e-5, 0.77];

describe.each(lengths)("kernels and plain loops give the same bits, %i values:", (length) => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9])("sums of %i", (n) => {
    const terms = Array.from({ length: n }, (_, k) => values(k + 1, length));
    const results = [kernels, loops].map(({ sums }) =>
      sums.blend(new Float32Array(length), weights.slice(0, n), terms),
    );
    expect(bits(results[0]!)).toEqual(bits(results[1]!));
    const own = [kernels, loops].map(({ sums }) => {
      const copies = terms.map((term) => term.slice());
      return sums.blend(copies[n - 1]!, weights.slice(0, n), copies);
    });
    expect(bits(own[0]!)).toEqual(bits(results[0]!));
    expect(bits(own[1]!)).toEqual(bits(results[0]!));
  });

  it("shift, clip and scale", () => {
    const [x, y, z] = [values(1, length), values(2, length), values(3, length)];
    const make = ({ sums }: { sums: Blend }) => [
      sums.shift(new Float32Array(length), x, 7.3, y, z),
      sums.shift(x.slice(), x, -0.1, z, x),
      sums.clip(new Float32Array(length), x, -0.7, 1.1),
      sums.scale(new Float32Array(length), 0.1, x),
    ];
    expect(make(kernels).map(bits)).toEqual(make(loops).map(bits));
  });

  it("wherever the arrays lie", () => {
    const { sums, workspaces } = kernels;
    const terms = [1, 2, 3].map((seed) => values(seed, length));
    const expected = bits(sums.blend(new Float32Array(length), weights.slice(0, 3), terms));
    for (let places = 0; places < 16; places++) {
      const workspace = workspaces.takeWorkspace(length);
      const put = (values: Float32Array, inside: number) => {
        const array = (inside ? workspace?.latent() : undefined) ?? new Float32Array(length);
        array.set(values);
        return array;
      };
      const before = put(values(8, length), 1);
      const [x, y, z] = terms.map((term, k) => put(term, places & (1 << k)));
      const out = put(values(9, length), places & 8);
      const after = put(values(8, length), 1);
      expect(bits(sums.blend(out, weights.slice(0, 3), [x!, y!, z!])), `${places}`).toEqual(expected);
      expect(bits(sums.blend(y!, weights.slice(0, 3), [x!, y!, z!])), `${places}, over a term`).toEqual(expected);
      // Nothing beside the result is touched.
      for (const neighbour of [before, after]) expect(bits(neighbour)).toEqual(bits(values(8, length)));
    }
  });
});

describe("sums", () => {
  it("don't read terms of weight 0, and are 0 without any", () => {
    const spoilt = new Float32Array(2000).fill(Number.NaN);
    const x = kernels.diffusion.torchRandn(1, 2000);
    expect(kernels.sums.blend(new Float32Array(2000), [1, 0], [x, spoilt])).toEqual(x);
    expect(kernels.sums.blend(x, [0], [spoilt])).toEqual(new Float32Array(2000));
  });

  it("give NaN, not what lay there before, where a term is too short", () => {
    const sum = kernels.sums.blend2(new Float32Array(2000), 1, new Float32Array(2000), 1, new Float32Array(1500));
    expect(sum.findIndex(Number.isNaN)).toBe(1500);
    expect(sum.subarray(1500).every(Number.isNaN)).toBe(true);
    const [long, short] = [new Float32Array(2000).fill(1), new Float32Array(1500).fill(1)];
    for (const shifted of [
      kernels.sums.shift(new Float32Array(2000), long, 3, short, long),
      kernels.sums.clip(new Float32Array(2000), short, 0, 1),
    ])
      expect(shifted.subarray(1500).every(Number.isNaN)).toBe(true);
  });

  it("leave what lies behind a part of a latent alone", () => {
    const x = kernels.workspaces.takeWorkspace(2048)!.latent()!.fill(1);
    kernels.sums.scale(x.subarray(0, 1025), 2, x.subarray(0, 1025));
    expect(x[1024]).toBe(2);
    expect(x.subarray(1025).every((value) => value === 1)).toBe(true);
  });
});

describe("normals", () => {
  it.each([0, 42, 2 ** 32 - 1])("have the same bits with kernels and without, seed %i", (seed) => {
    const [a, b] = [new kernels.diffusion.TorchGenerator(seed), new loops.diffusion.TorchGenerator(seed)];
    for (const n of [1000, 20_000, 3, 4096, 257, 16, 5000]) expect(bits(a.randn(n)), `${n}`).toEqual(bits(b.randn(n)));
    expect(a.next32()).toBe(b.next32());
  });
});

describe("samplers with kernels and without", () => {
  const LENGTH = 1200;

  it.each(kernels.diffusion.samplerNames)("%s gives the same bits", async (name) => {
    const spoilt = kernels.workspaces.takeWorkspace(LENGTH)!;
    for (let latent = spoilt.latent(); latent; latent = spoilt.latent()) latent.fill(Number.NaN);
    kernels.workspaces.releaseWorkspace(spoilt);
    const ends = [];
    for (const { diffusion } of [kernels, loops]) ends.push(await sample(diffusion, name));
    expect(ends[0]!.denoised.every(Number.isFinite)).toBe(true);
    expect(bits(ends[0]!.x)).toEqual(bits(ends[1]!.x));
    expect(bits(ends[0]!.denoised)).toEqual(bits(ends[1]!.denoised));
  });

  async function sample({ makePlan, makeNoiseSchedule, ...rest }: Diffusion, sampler: SamplerName) {
    const plan = makePlan({ sampler, scheduler: "karras", schedule: makeNoiseSchedule(), prediction: "epsilon" });
    const grid = plan.grid({ steps: 6 });
    const generator = new rest.TorchGenerator(5);
    let output: Float32Array = new Float32Array(LENGTH);
    const run = {
      grid,
      network: async (input: Float32Array) => {
        output = Float32Array.from(input, (value) => 0.9 * Math.tanh(value));
        return output.slice();
      },
      uncond: () => output,
      x: rest.startFromNoise(grid, generator.randn(LENGTH)),
      noise: () => generator.randn(LENGTH),
    };
    let last: { x: Float32Array; denoised: Float32Array } | undefined;
    for await (const step of rest.runPlan(plan, run)) last = step;
    return { x: last!.x, denoised: last!.denoised };
  }
});

describe("a run's steps", () => {
  const LENGTH = 2048;
  const { fromDiffusers, runPlan, torchRandn } = kernels.diffusion;
  const plan = fromDiffusers({ _class_name: "EulerDiscreteScheduler", beta_schedule: "scaled_linear" });
  const grid = plan.grid({ steps: 5 });
  const network = async (input: Float32Array) => Float32Array.from(input, (value) => 0.5 * value);
  const start = (seed = 1) => runPlan(plan, { grid, network, x: torchRandn(seed, LENGTH).map((value) => 10 * value) });

  it("show x as one array that lives on after the run, and after the next one", async () => {
    const seen = new Set<Float32Array>();
    let first: Float32Array | undefined;
    for await (const { x } of start()) {
      seen.add(x);
      first = x;
    }
    const copy = first!.slice();
    let unseen: { x: Float32Array; denoised: Float32Array } | undefined;
    for await (const step of start()) unseen = step;
    const denoised = unseen!.denoised.slice();
    for await (const step of start()) step.x.fill(3);
    expect(seen.size).toBe(1);
    expect(first).toEqual(copy);
    expect(unseen!.x).toEqual(copy);
    expect(unseen!.denoised).toEqual(denoised);
  });

  it("keep an x that was looked at once a view of the live latent, both ways", async () => {
    let x: Float32Array | undefined;
    const norms: number[] = [];
    for await (const step of start()) {
      x ??= step.x;
      norms.push(x.reduce((sum, value) => sum + Math.abs(value), 0));
      if (step.step === 4) x.fill(0);
    }
    expect(new Set(norms).size).toBe(5);
    // Nothing was left of it, so the last step's estimate is all 0.
    expect(x!.every((value) => value === 0)).toBe(true);
  });

  it("can be left early, with what they showed", async () => {
    let left: { x: Float32Array; denoised: Float32Array } | undefined;
    for await (const step of start()) {
      left = step;
      if (step.step === 2) break;
    }
    const [x, denoised] = [left!.x.slice(), left!.denoised.slice()];
    for await (const step of start()) step.x.fill(3);
    expect(left!.x).toEqual(x);
    expect(left!.denoised).toEqual(denoised);
    expect(relativeError(x, denoised)).toBeGreaterThan(0);
  });

  it("of runs at the same time don't touch each other", async () => {
    // Of different latents, and with a memory of past steps: others would not see that they write to the same room.
    const solver = fromDiffusers({ _class_name: "DPMSolverMultistepScheduler" });
    const levels = solver.grid({ steps: 5 });
    const begin = (seed: number) => runPlan(solver, { grid: levels, network, x: torchRandn(seed, LENGTH) });
    const alone: Float32Array[][] = [[], []];
    for (const [seed, steps] of alone.entries()) for await (const { x } of begin(seed)) steps.push(x.slice());
    const [a, b] = [begin(0), begin(1)];
    for (const [k, expected] of alone[0]!.entries()) {
      expect((await a.next()).value!.x).toEqual(expected);
      expect((await b.next()).value!.x).toEqual(alone[1]![k]);
    }
    await Promise.all([a.next(), b.next()]);
  });

  it("give the room back where the network fails", async () => {
    const failing = async () => {
      throw new Error("no more memory");
    };
    const x = torchRandn(1, LENGTH);
    const first = kernels.workspaces.takeWorkspace(LENGTH)!;
    kernels.workspaces.releaseWorkspace(first);
    for (let i = 0; i < 3; i++)
      await expect(runPlan(plan, { grid, network: failing, x }).next()).rejects.toThrow("no more");
    expect(kernels.workspaces.takeWorkspace(LENGTH)).toBe(first);
  });
});
