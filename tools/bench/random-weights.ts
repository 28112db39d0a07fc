import { mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { WeightTensor } from "../../packages/backend-local/src/files/safetensors.ts";
import type { Weights } from "../../packages/backend-local/src/files/weights.ts";

/** Storage types that random weights can be written in. */
export type WeightType = "F32" | "F16";

/** The name and shape of every tensor that building a network asks for. */
export function wantedTensors(build: (weights: Weights) => unknown): Map<string, readonly number[]> {
  const wanted = new Map<string, readonly number[]>();
  const find = (name: string, shape?: readonly number[]): WeightTensor | undefined => {
    if (shape === undefined) return undefined;
    wanted.set(name, shape);
    return { name, shape, dtype: "F32", file: "/none", offset: 0, length: 4 * elements(shape) };
  };
  build({ source: "none", find, names: () => wanted.keys() });
  return wanted;
}

/** How many elements a tensor of this shape has. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Writes a safetensors file of random weights: uniform, of variance 1/fan-in, so that a forward pass keeps its scale;
 * ones and zeros for what is one-dimensional. The file appears under its name only when it is whole.
 */
export async function writeRandomWeights(path: string, tensors: Map<string, readonly number[]>, type: WeightType) {
  const bytes = type === "F32" ? 4 : 2;
  let end = 0;
  const entries = [...tensors].map(([name, shape]) => {
    const begin = end;
    end += elements(shape) * bytes;
    return [name, { dtype: type, shape, data_offsets: [begin, end] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));

  await mkdir(dirname(path), { recursive: true });
  const file = await open(`${path}.part`, "w");
  await file.write(length);
  await file.write(header);
  for (const [name, shape] of tensors) await file.write(new Uint8Array(values(name, shape, type).buffer));
  await file.close();
  await rename(`${path}.part`, path);
}

const noise = Float32Array.from({ length: 1 << 20 }, uniform());

function values(name: string, shape: readonly number[], type: WeightType): Float32Array | Float16Array {
  const list = type === "F32" ? new Float32Array(elements(shape)) : new Float16Array(elements(shape));
  if (shape.length === 1) return list.fill(/norm.*weight$/.test(name) ? 1 : 0);
  const scale = Math.sqrt(3 / elements(shape.slice(1)));
  for (let i = 0; i < list.length; i++) list[i] = noise[i & (noise.length - 1)]! * scale;
  return list;
}

/** Numbers in −1 to 1, the same each time (a linear congruential generator: Numerical Recipes' constants). */
function uniform(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}
