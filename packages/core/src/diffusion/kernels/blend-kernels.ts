import {
  add,
  assemble,
  type Code,
  constant,
  f32x4,
  get,
  i32,
  type KernelFunction,
  lessThan,
  load,
  load128,
  loadSplat32,
  repeat,
  set,
  store128,
  tee,
  v128,
} from "./assembler.ts";

/** The greatest number of terms a kernel sums. */
export const MOST_TERMS = 8;
/** Kernels work on whole runs of this many bytes, so arrays are laid out in multiples of it. */
export const GRAIN = 64;
/** Where in the memory the weights (f32) and the terms' addresses (i32) of a call stand. */
export const WEIGHTS_AT = 0;
export const ADDRESSES_AT = 4 * MOST_TERMS;

/** What the module exports: each writes `bytes` bytes at `out`. */
export interface BlendKernels {
  /** `out ← Σ weight·term` over the first `n` weights and addresses, by n. */
  blend: readonly ((out: number, bytes: number) => void)[];
  /** `out ← term₀ + weight·(term₁ − term₂)`. */
  shift(out: number, bytes: number): void;
  /** `out ← min(max(term₀, −weight), weight)`. */
  clip(out: number, bytes: number): void;
}

let bytes: Uint8Array<ArrayBuffer> | undefined;

/** The module's bytes, about four kilobytes: vectors of four float32, each operation rounded, in the order that blend.ts has. */
export function blendModule(): Uint8Array<ArrayBuffer> {
  const sums = Array.from({ length: MOST_TERMS }, (_, k) =>
    overLanes(`blend${k + 1}`, k + 1, ({ weights, terms }) =>
      terms.map((term, j) => f32x4.mul(term, weights[j]!)).reduce((sum, product) => f32x4.add(sum, product)),
    ),
  );
  bytes ??= assemble([
    ...sums,
    overLanes("shift", 3, ({ weights: [scale], terms: [from, to, base] }) =>
      f32x4.add(from!, f32x4.mul(f32x4.sub(to!, base!), scale!)),
    ),
    overLanes("clip", 2, ({ weights: [low, high], terms: [value] }) => f32x4.min(f32x4.max(value!, low!), high!)),
  ]);
  return bytes;
}

/** A function `(out, bytes)` that works out four values at a time from `n` terms, and from as many weights. */
function overLanes(
  name: string,
  n: number,
  value: (operands: { weights: Code[]; terms: Code[] }) => Code,
): KernelFunction {
  const [out, size, offset] = [0, 1, 2];
  const weight = (k: number) => 3 + k;
  const address = (k: number) => 3 + n + k;
  const each = Array.from({ length: n }, (_, k) => k);
  const start = each.flatMap((k) => [
    ...set(weight(k), loadSplat32(constant(WEIGHTS_AT + 4 * k))),
    ...set(address(k), load(constant(ADDRESSES_AT + 4 * k))),
  ]);
  const lanes = [0, 16, 32, 48].flatMap((lane) =>
    store128(
      add(get(out), get(offset)),
      value({
        weights: each.map((k) => get(weight(k))),
        terms: each.map((k) => load128(add(get(address(k)), get(offset)), lane)),
      }),
      lane,
    ),
  );
  return {
    name,
    params: [i32, i32],
    locals: [i32, ...each.map(() => v128 as typeof v128), ...each.map(() => i32 as typeof i32)],
    body: [...start, ...repeat(lanes, lessThan(tee(offset, add(get(offset), constant(GRAIN))), get(size)))],
  };
}
