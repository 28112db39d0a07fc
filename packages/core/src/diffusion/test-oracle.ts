import { readFileSync } from "node:fs";

/** The networks that tools/oracle/samplers.py uses; for the tests only. */
export const oracleNetworks: Readonly<Record<string, (x: Float32Array, t: number) => Float32Array>> = {
  linear: (x, t) => x.map((v) => (0.3 + (0.6 * t) / 1000) * v + (0.1 * t) / 1000),
  mlp: (x, t) =>
    x.map((v, i) => {
      const mixed = v + 0.5 * x[(i + 1) % x.length]! - 0.3 * x[(i + x.length - 1) % x.length]! + t / 1000;
      return 0.5 * Math.tanh(mixed) + 0.4 * v;
    }),
};

/** The model of tools/oracle/samplers_comfy.py: its estimate of x0. */
export function comfyModel(x: Float32Array, sigma: number): Float32Array {
  const scale = 1 / Math.sqrt(1 + sigma * sigma);
  const y = (i: number) => x[(i + x.length) % x.length]! * scale;
  return x.map((_, i) => {
    const mixed = y(i) + 0.5 * y(i + 1) - 0.3 * y(i - 1) + 0.1 * Math.log(sigma);
    return 0.7 * Math.tanh(mixed) + (0.3 * y(i)) / (1 + sigma * sigma);
  });
}

/** {@link comfyModel} with a record of its calls, and the unconditional estimate that CFG++ takes: 0.9 of the last one. */
export function recordedComfyModel(size: number) {
  let last: Float32Array = new Float32Array(size);
  const calls: { level: number; x: Float32Array }[] = [];
  const model = async (x: Float32Array, level: number) => {
    calls.push({ level, x: x.slice() });
    const denoised = comfyModel(x, level);
    last = denoised.map((value) => value * 0.9);
    return denoised;
  };
  return { calls, model, uncond: () => last };
}

/** Reads `fixtures/<name>.json` and, beside it, its float32 data. */
export function readFixture<T>(name: string): { header: T; data: Float32Array } {
  const at = (ending: string) => new URL(`./fixtures/${name}.${ending}`, import.meta.url);
  const bytes = readFileSync(at("bin"));
  const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  return { header: JSON.parse(readFileSync(at("json"), "utf8")) as T, data };
}

/** The largest difference between two arrays, over the largest value of the second. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [difference, scale] = [0, 1e-30];
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i]! - expected[i]!);
    if (!(d <= difference)) difference = d;
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  return difference / scale;
}
