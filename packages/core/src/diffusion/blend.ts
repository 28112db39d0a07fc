import { MOST_TERMS } from "./kernels/blend-kernels.ts";
import { CHUNK, type Workspace } from "./kernels/workspace.ts";
import { workspaceFor } from "./kernels/workspaces.ts";

// Every operation is rounded to float32, as torch does it, in this order: products first, then their sum from the left. The kernels and
// the plain loops give the same bits, so which of them runs (length, browser, security policy) never changes a picture.
const f32 = Math.fround;

/** `out ← Σ weights[k]·terms[k]`; terms of weight 0 are not read, so a NaN in one can't spread. `out` may be one of the terms. */
export function blend(out: Float32Array, weights: readonly number[], terms: readonly Float32Array[]): Float32Array {
  if (!weights.includes(0) && terms.length === weights.length) return sum(out, weights, terms);
  const used = weights.flatMap((weight, k) => (weight === 0 ? [] : [k]));
  return sum(
    out,
    used.map((k) => weights[k]!),
    used.map((k) => terms[k]!),
  );
}

/** `out ← a·x + b·y`, as {@link blend}, but that both are read. */
export function blend2(out: Float32Array, a: number, x: Float32Array, b: number, y: Float32Array): Float32Array {
  return sum(out, [a, b], [x, y]);
}

/** `out ← a·x + b·y + c·z`, as {@link blend2}. */
export function blend3(
  out: Float32Array,
  a: number,
  x: Float32Array,
  b: number,
  y: Float32Array,
  c: number,
  z: Float32Array,
): Float32Array {
  return sum(out, [a, b, c], [x, y, z]);
}

/** `out ← a·x`. */
export function scale(out: Float32Array, a: number, x: Float32Array): Float32Array {
  return sum(out, [a], [x]);
}

/** `out ← x + a·(y − z)`. */
export function shift(out: Float32Array, x: Float32Array, a: number, y: Float32Array, z: Float32Array): Float32Array {
  const workspace = kernelsFor(out, [x, y, z]);
  if (workspace) return run(workspace, workspace.kernels.shift, out, [a], [x, y, z]);
  const w = f32(a);
  for (let i = 0, length = out.length; i < length; i++) out[i] = f32(x[i]! + f32(w * f32(y[i]! - z[i]!)));
  return out;
}

/** `out ← min(max(x, low), high)`; a NaN stays one. */
export function clip(out: Float32Array, x: Float32Array, low: number, high: number): Float32Array {
  const workspace = kernelsFor(out, [x]);
  if (workspace) return run(workspace, workspace.kernels.clip, out, [low, high], [x]);
  const [least, most] = [f32(low), f32(high)];
  for (let i = 0, length = out.length; i < length; i++) out[i] = Math.min(Math.max(x[i]!, least), most);
  return out;
}

function sum(out: Float32Array, weights: readonly number[], terms: readonly Float32Array[]): Float32Array {
  const n = weights.length;
  if (n === 0) return out.fill(0);
  if (n === 1 && f32(weights[0]!) === 1 && terms[0]!.length === out.length) {
    out.set(terms[0]!);
    return out;
  }
  const workspace = n <= MOST_TERMS ? kernelsFor(out, terms) : undefined;
  return workspace ? run(workspace, workspace.kernels.blend[n - 1]!, out, weights, terms) : loop(out, weights, terms);
}

/** The kernels, where they can do it. A term that is too short gives NaN in a loop, and must not give what a stage happens to hold. */
function kernelsFor(out: Float32Array, terms: readonly Float32Array[]): Workspace | undefined {
  return terms.every((term) => term.length >= out.length) ? workspaceFor(out, terms) : undefined;
}

/** Runs a kernel: where all the arrays lie in the workspace, on them; if not, in chunks that are copied in and out. */
function run(
  workspace: Workspace,
  kernel: (out: number, bytes: number) => void,
  out: Float32Array,
  factors: readonly number[],
  terms: readonly Float32Array[],
): Float32Array {
  const { weights, addresses, stages } = workspace;
  for (let k = 0; k < factors.length; k++) weights[k] = factors[k]!;
  const { length } = out;
  const ends = workspace.holds(out);
  const inside = terms.map((term) => workspace.holds(term));
  const only = inside.indexOf(false);
  if (ends && only >= 0 && only === inside.lastIndexOf(false) && !terms.includes(out)) {
    // One term from outside can wait where the result will be.
    out.set(terms[only]!.length === length ? terms[only]! : terms[only]!.subarray(0, length));
    terms = terms.with(only, out);
    inside[only] = true;
  }
  for (let k = 0; k < terms.length; k++) addresses[k] = (inside[k] ? terms[k]! : stages[k]!).byteOffset;
  if (ends && !inside.includes(false)) {
    kernel(out.byteOffset, 4 * length);
    return out;
  }
  const result = stages[MOST_TERMS]!;
  for (let from = 0; from < length; from += CHUNK) {
    const size = Math.min(CHUNK, length - from);
    for (let k = 0; k < terms.length; k++)
      if (inside[k]) addresses[k] = terms[k]!.byteOffset + 4 * from;
      else stages[k]!.set(terms[k]!.subarray(from, from + size));
    kernel(ends ? out.byteOffset + 4 * from : result.byteOffset, 4 * size);
    if (!ends) out.set(size === CHUNK ? result : result.subarray(0, size), from);
  }
  return out;
}

/** Sums in the length of a few arrays in cache: a loop over terms inside the one over values would be several times slower. */
function loop(out: Float32Array, weights: readonly number[], terms: readonly Float32Array[]): Float32Array {
  const { length } = out;
  const part = new Float32Array(Math.min(length, CHUNK));
  for (let from = 0; from < length; from += CHUNK) {
    const size = Math.min(CHUNK, length - from);
    for (let k = 0; k < weights.length; k++) {
      const weight = f32(weights[k]!);
      const term = terms[k]!;
      if (k === 0) for (let i = 0; i < size; i++) part[i] = weight * term[from + i]!;
      else for (let i = 0; i < size; i++) part[i] = f32(part[i]! + f32(weight * term[from + i]!));
    }
    out.set(size === CHUNK ? part : part.subarray(0, size), from);
  }
  return out;
}
