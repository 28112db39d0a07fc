import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { relativeError } from "../test-oracle.ts";
import { BrownianTree, brownianNoise } from "./brownian-tree.ts";
import { imageNoise, type NoiseSettings } from "./image-noise.ts";
import { noiseOfImage } from "./noise-of-image.ts";
import { PhiloxGenerator } from "./philox.ts";
import { philox4x32 } from "./philox-block.ts";
import { offsetSeed } from "./seed.ts";
import { seedSequence } from "./seed-sequence.ts";
import { slerp } from "./slerp.ts";
import { TorchGenerator, torchRandn } from "./torch-generator.ts";

interface Fixture {
  generators: {
    seed: string;
    draws: { what: "randn" | "randn64" | "rand"; n: number; head: number[]; tail: number[]; sha256: string }[];
  }[];
  seedSequences: { entropy: string; key: number[]; words: number[] }[];
  trees: { seed: string; start: number; end: number; queries: { from: number; to: number; values: number[] }[] }[];
  cuda: { seed: string; head: number[] }[];
}

const fixture = JSON.parse(readFileSync(new URL("../fixtures/noise.json", import.meta.url), "utf8")) as Fixture;
const sha256 = (values: Float32Array | Float64Array) =>
  createHash("sha256").update(new Uint8Array(values.buffer)).digest("hex").slice(0, 32);

describe("TorchGenerator", () => {
  it.each(fixture.generators)("draws torch's stream of seed $seed", ({ seed, draws }) => {
    const generator = new TorchGenerator(BigInt(seed));
    for (const { what, n, head, tail, sha256: expected } of draws) {
      const values = generator[what](n);
      const last = Array.from(values.slice(-2));
      expect([...values.slice(0, 4), ...last], `${what}(${n})`).toEqual([...head, ...tail]);
      expect(sha256(values), `${what}(${n}), every bit`).toBe(expected);
    }
  });

  it("goes on from where a clone was taken", () => {
    const generator = new TorchGenerator(3);
    generator.randn(5);
    const clone = generator.clone();
    expect(clone.randn(3)).toEqual(generator.randn(3));
    expect(clone.randn(40)).toEqual(generator.randn(40));
  });

  it("takes the low 32 bits of a seed, as torch does", () => {
    expect(torchRandn(2n ** 32n + 5n, 20)).toEqual(torchRandn(5, 20));
  });

  it.each([-1, 1.5, 2 ** 53, Number.NaN, -1n, 2n ** 64n])("refuses seed %s", (seed) => {
    expect(() => new TorchGenerator(seed)).toThrow(/seed.*2\^64/);
  });

  it("has mean 0 and variance 1 over many values, for any n", () => {
    for (const n of [0, 1, 15, 16, 17]) expect(torchRandn(1, n)).toHaveLength(n);
    const values = torchRandn(123, 1 << 17);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.01);
    expect(Math.abs(variance - 1)).toBeLessThan(0.01);
    expect(values.every(Number.isFinite)).toBe(true);
  });
});

describe("seeds", () => {
  it("are offset, wrapping at 2^64, and stay numbers where they can", () => {
    expect(offsetSeed(7, 2)).toBe(9);
    expect(offsetSeed(2n ** 64n - 1n, 2)).toBe(1n);
    expect(offsetSeed(Number.MAX_SAFE_INTEGER, 1)).toBe(2n ** 53n);
  });

  it.each(fixture.seedSequences)("spawn as numpy's SeedSequence($entropy, $key)", ({ entropy, key, words }) => {
    expect(Array.from(seedSequence(BigInt(entropy), key, 24, 4))).toEqual(words);
  });
});

describe("PhiloxGenerator", () => {
  it.each(fixture.cuda)("draws what torch draws on a CUDA device, seed $seed", ({ seed, head }) => {
    expect(relativeError(new PhiloxGenerator(BigInt(seed)).randn(head.length), head)).toBeLessThan(1e-6);
  });

  // Numbers of real devices, published in PyTorch's issue tracker to four decimals.
  it.each([
    {
      // https://github.com/pytorch/pytorch/issues/97097: an RTX A4000, normal_(5, √5), seed 14
      device: { multiProcessorCount: 48, maxThreadsPerMultiProcessor: 1536 },
      seed: 14,
      n: 100_000,
      head: [2.8731, 5.2727, 2.9889].map((value) => (value - 5) / Math.sqrt(5)),
      tail: [8.2207, 6.5395, 4.2604].map((value) => (value - 5) / Math.sqrt(5)),
    },
    {
      // https://github.com/pytorch/pytorch/issues/143086: an A100, several rounds of all its threads
      device: { multiProcessorCount: 108, maxThreadsPerMultiProcessor: 2048 },
      seed: 1,
      n: 49 * 12 * 112 * 144,
      head: [-0.2963, 2.6764, -0.1408],
      tail: [0.1549, -0.6797, -0.1656],
    },
  ])("draws a device's own numbers where there are more than threads: $device", ({ device, seed, n, head, tail }) => {
    const values = new PhiloxGenerator(seed, device).randn(n);
    const shown = [...values.slice(0, 3), ...values.slice(-3)];
    for (const [i, value] of [...head, ...tail].entries()) expect(Math.abs(shown[i]! - value)).toBeLessThan(6e-5);
  });

  it("gives each thread four normals a block, and goes on behind all blocks of the draw before", () => {
    // Two blocks of 256 threads: 512 streams.
    const generator = new PhiloxGenerator(3n + 4n * 2n ** 32n, {
      multiProcessorCount: 2,
      maxThreadsPerMultiProcessor: 300,
    });
    const words = (counter: number, thread: number) => {
      const block = new Uint32Array(4);
      philox4x32(block, Uint32Array.of(counter, 0, thread, 0), Uint32Array.of(3, 4));
      return Array.from(block, (word) => (word + 0.5) / 2 ** 32);
    };
    const normals = (counter: number, thread: number) => {
      const [a, b, c, d] = words(counter, thread) as [number, number, number, number];
      const [first, second] = [Math.sqrt(-2 * Math.log(a)), Math.sqrt(-2 * Math.log(c))];
      const [v, w] = [2 * Math.PI * b, 2 * Math.PI * d];
      return [first * Math.sin(v), first * Math.cos(v), second * Math.sin(w), second * Math.cos(w)];
    };
    const drawn = generator.randn(2048 + 513);
    expect(
      relativeError(
        [5, 517, 1029, 1541].map((i) => drawn[i]!),
        normals(0, 5),
      ),
    ).toBeLessThan(1e-6);
    expect(relativeError([drawn[2048]!, drawn[2560]!], normals(1, 0).slice(0, 2))).toBeLessThan(1e-6);
    expect(relativeError(generator.randn(300).subarray(0, 1), normals(2, 0).slice(0, 1))).toBeLessThan(1e-6);
  });

  it("has a block for each value where no device is named, as A1111 has it, and the same on a device with room", () => {
    const long = new PhiloxGenerator(5).randn(70_000);
    expect(new PhiloxGenerator(5).randn(10)).toEqual(long.slice(0, 10));
    const small = { multiProcessorCount: 40, maxThreadsPerMultiProcessor: 1024 };
    expect(new PhiloxGenerator(5, small).randn(40_960)).toEqual(long.slice(0, 40_960));
    expect(new PhiloxGenerator(5, small).randn(40_961)[40_960]).not.toBe(long[40_960]);
  });

  // Random123's known answers.
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [-1, -1, -1, -1],
      [-1, -1],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])("has Philox's block at %j for %j", (counter, key, expected) => {
    const block = new Uint32Array(4);
    philox4x32(block, Uint32Array.from(counter), Uint32Array.from(key));
    expect(Array.from(block)).toEqual(expected);
  });

  it("draws anew each time, and by all 64 bits of the seed", () => {
    const generator = new PhiloxGenerator(1);
    expect(generator.randn(4)).not.toEqual(generator.randn(4));
    expect(new PhiloxGenerator(1n + 2n ** 32n).randn(4)).not.toEqual(new PhiloxGenerator(1).randn(4));
  });
});

describe("BrownianTree", () => {
  it.each(fixture.trees)("gives torchsde's increments, seed $seed", ({ seed, start, end, queries }) => {
    const tree = new BrownianTree(BigInt(seed), 20, Math.fround(start), Math.fround(end));
    for (const { from, to, values } of queries)
      expect(
        relativeError(tree.increment(Math.fround(from), Math.fround(to)), values),
        `${from} to ${to}`,
      ).toBeLessThan(1e-6);
  });

  it("adds up, and doesn't depend on what was asked before", () => {
    const a = new BrownianTree(5, 8, 0, 1);
    const whole = a.increment(0.2, 0.9);
    const parts = a.increment(0.2, 0.4).map((value, i) => value + a.increment(0.4, 0.9)[i]!);
    expect(relativeError(parts, whole)).toBeLessThan(1e-6);
    expect(new BrownianTree(5, 8, 0, 1).increment(0.4, 0.9)).toEqual(a.increment(0.4, 0.9));
  });

  it("forgets what it last used long ago, and draws it again with the same values", () => {
    let drawn = 0;
    const tree = new BrownianTree(5, 8, 0, 1, (seed, n) => {
      drawn++;
      return torchRandn(seed, n);
    });
    const first = tree.increment(0.1234567, 0.2);
    const atFirst = drawn;
    expect(tree.increment(0.1234567, 0.2)).toEqual(first);
    expect(drawn).toBe(atFirst);
    for (let time = 0.3; time < 0.9; time += 0.0123) tree.increment(time, time + 0.01);
    const before = drawn;
    expect(tree.increment(0.1234567, 0.2)).toEqual(first);
    expect(drawn).toBeGreaterThan(before);
  });

  it("gives unit noise, of the other sign for the other direction, and none for no interval", () => {
    const noise = brownianNoise({ seed: 1, length: 4096, sigmas: [10, 5, 1, 0] });
    const down = noise(10, 5);
    const variance = down.reduce((sum, value) => sum + value * value, 0) / down.length;
    expect(Math.abs(variance - 1)).toBeLessThan(0.1);
    expect(noise(5, 10)).toEqual(down.map((value) => -value));
    expect(noise(5, 5).every((value) => value === 0)).toBe(true);
  });
});

describe("imageNoise", () => {
  const shape = [4, 6, 5] as const;
  const n = 120;

  it("draws all from one generator for diffusers, the posterior before the noise", () => {
    const generator = new TorchGenerator(9);
    const noise = imageNoise(9, shape);
    expect(noise.draw(n)).toEqual(generator.randn(n));
    expect(noise.first).toEqual(generator.randn(n));
    expect(noise.steps("euler_ancestral", [1, 0])(1, 0)).toEqual(generator.randn(n));
  });

  it("draws the steps of ComfyUI from a generator of their own", () => {
    const noise = imageNoise(9, shape, { convention: "comfyui" });
    expect(noise.first).toEqual(torchRandn(9, n));
    expect(noise.steps("euler_ancestral", [1, 0])(1, 0)).toEqual(torchRandn(10, n));
    const older = imageNoise(9, shape, { convention: "comfyui", stepSeedOffset: 0 });
    expect(older.steps("euler_ancestral", [1, 0])(1, 0)).toEqual(torchRandn(9, n));
    const device = imageNoise(9, shape, { convention: "comfyui", source: "nv" });
    expect(device.steps("euler_ancestral", [1, 0])(1, 0)).toEqual(new PhiloxGenerator(9).randn(n));
  });

  it("takes a Brownian tree for the SDE samplers of ComfyUI and A1111", () => {
    const sigmas = [8, 3, 1, 0];
    const expected = brownianNoise({ seed: 4, length: n, sigmas })(8, 3);
    for (const convention of ["comfyui", "a1111"] as const)
      expect(imageNoise(4, shape, { convention }).steps("dpmpp_2m_sde", sigmas)(8, 3)).toEqual(expected);
    expect(imageNoise(4, shape).steps("dpmpp_2m_sde", sigmas)(8, 3)).not.toEqual(expected);
  });

  it("spans the whole layout with diffusers' and A1111's trees, the run alone with ComfyUI's", () => {
    const whole = [14, 8, 3, 1, 0];
    const sigmas = whole.slice(2);
    const over = (levels: number[]) => brownianNoise({ seed: 4, length: n, sigmas: levels })(3, 1);
    const steps = (convention: "diffusers" | "comfyui" | "a1111") =>
      imageNoise(4, shape, { convention }).steps("dpmpp_sde", sigmas, { whole })(3, 1);
    expect(steps("diffusers")).toEqual(over(whole));
    expect(steps("a1111")).toEqual(over(whole));
    expect(steps("comfyui")).toEqual(over(sigmas));
    expect(over(sigmas)).not.toEqual(over(whole));
  });

  it("shares diffusers' tree of a seed of its own between the images of a batch", () => {
    const sigmas = [8, 3, 1, 0];
    const batch = brownianNoise({ seed: 123, length: 3 * n, sigmas })(8, 3);
    for (const index of [0, 1, 2]) {
      const noise = imageNoise(4 + index, shape, { batch: { index, size: 3 } });
      const own = noise.steps("dpmpp_sde", sigmas, { treeSeed: 123 })(8, 3);
      expect(own).toEqual(batch.slice(index * n, (index + 1) * n));
    }
    const other = imageNoise(4, shape, { convention: "comfyui" }).steps("dpmpp_sde", sigmas, { treeSeed: 123 })(8, 3);
    expect(other).toEqual(brownianNoise({ seed: 4, length: n, sigmas })(8, 3));
  });

  it("draws nothing before the steps' noise where the first is not wanted", () => {
    expect(imageNoise(9, shape).steps("euler_ancestral", [1, 0], { skipsFirst: true })(1, 0)).toEqual(torchRandn(9, n));
  });

  it("counts the seed up over several images, or A1111's variation seed in its place", () => {
    const of = (settings: NoiseSettings, shares = false) =>
      noiseOfImage({ seed: 7, index: 2, count: 4, settings, shares });
    expect(of({})).toEqual({ seed: 9, settings: {} });
    expect(of({ convention: "a1111", subseed: 5 })).toEqual({ seed: 9, settings: { convention: "a1111", subseed: 5 } });
    const varied: NoiseSettings = { convention: "a1111", subseed: "18446744073709551615", subseedStrength: 0.1 };
    expect(of(varied)).toEqual({ seed: 7, settings: { ...varied, subseed: 1n } });
    expect(of({}, true)).toEqual({ seed: 9, settings: { batch: { index: 2, size: 4 } } });
    expect(of({ convention: "comfyui" }, true).settings).toEqual({ convention: "comfyui" });
    const alone = { batch: { index: 2, size: 4 } };
    expect(noiseOfImage({ seed: 9, index: 0, count: 1, settings: alone, shares: true })).toEqual({
      seed: 9,
      settings: alone,
    });
  });

  it("follows A1111's ENSD and variation seeds", () => {
    const noise = imageNoise(9, shape, { convention: "a1111", ensd: 31337 });
    expect(noise.first).toEqual(torchRandn(9, n));
    expect(noise.steps("euler_ancestral", [1, 0])(1, 0)).toEqual(torchRandn(9 + 31337, n));
    const below = imageNoise(9, shape, { convention: "a1111", ensd: -10 });
    // torch takes a negative seed as the one 2^64 above it.
    expect(below.steps("euler_ancestral", [1, 0])(1, 0)).toEqual(torchRandn(2n ** 64n - 1n, n));
    const variation = (subseedStrength: number) =>
      imageNoise(9, shape, { convention: "a1111", subseed: 10, subseedStrength }).first;
    expect(variation(0)).toEqual(torchRandn(9, n));
    expect(relativeError(variation(1), torchRandn(10, n))).toBeLessThan(1e-6);
    expect(variation(0.3)).toEqual(slerp(0.3, torchRandn(9, n), torchRandn(10, n), shape));
  });

  it("puts the smaller seed's noise in the middle with resizeFrom", () => {
    const { first } = imageNoise(9, shape, { convention: "a1111", resizeFrom: { height: 2, width: 3 } });
    const small = torchRandn(9, 24);
    expect(first[2 * 5 + 1]).toBe(small[0]);
    expect(first[3 * 5 + 3]).toBe(small[5]);
    expect(first[0]).toBe(torchRandn(9, n)[0]);
    // The steps go on where the whole latent's noise, not the small one's, left the generator.
    const noise = imageNoise(9, shape, { convention: "a1111", resizeFrom: { height: 2, width: 3 } });
    const generator = new TorchGenerator(9);
    generator.randn(n);
    expect(noise.steps("euler_ancestral", [2, 1, 0])(2, 1)).toEqual(generator.randn(n));
    const bigger = imageNoise(9, shape, { convention: "a1111", resizeFrom: { height: 8, width: 5 } });
    expect(bigger.first.subarray(0, 5)).toEqual(torchRandn(9, 160).subarray(5, 10));
  });

  it.each<[NoiseSettings, RegExp]>([
    [{ convention: "webui" as "a1111" }, /convention.*diffusers, comfyui, a1111/],
    [{ source: "gpu" as "nv" }, /source.*torch-cpu, nv/],
    [{ convention: "a1111", subseedStrength: 2 }, /subseedStrength.*0 to 1/],
    [{ convention: "comfyui", ensd: 31337 }, /ensd.*A1111/],
    [{ convention: "a1111", subseed: "zz", subseedStrength: 0.5 }, /subseed.*whole number, not "zz"/],
    [{ convention: "a1111", ensd: 0.5 }, /ensd.*whole/],
    [{ convention: "a1111", resizeFrom: { height: -1, width: 2 } }, /resizeFrom.height.*1 to/],
    [{ stepSeedOffset: 0 }, /stepSeedOffset.*ComfyUI/],
    [{ device: { multiProcessorCount: 48, maxThreadsPerMultiProcessor: 1536 } }, /device.*nv/],
    [{ source: "nv", device: { multiProcessorCount: 0, maxThreadsPerMultiProcessor: 1536 } }, /multiProcessorCount.*1/],
    [{ batch: { index: 2, size: 2 } }, /batch.index.*0 to 1/],
  ])("refuses %j", (settings, message) => {
    expect(() => imageNoise(1, shape, settings)).toThrow(message);
  });

  it("interpolates between two noises on the sphere", () => {
    const [a, b] = [torchRandn(1, 64), torchRandn(2, 64)];
    const norm = (x: Float32Array) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
    expect(slerp(0, a, b)).toEqual(a);
    expect(relativeError(slerp(1, a, b), b)).toBeLessThan(1e-6);
    expect(norm(slerp(0.5, a, a))).toBeCloseTo(norm(a), 4);
    expect(norm(slerp(0.5, a, b))).toBeGreaterThan(0.85 * Math.min(norm(a), norm(b)));
  });
});
