import type { Steering } from "../../prompts/steering.ts";
import type { Denoiser } from "../family.ts";
import type { Rows } from "./rows.ts";

/** What a network is shown in one pass beside the latent: inputs of one row each. */
export type Condition = Readonly<Record<string, Rows>>;

type Predict = Denoiser["predict"];

/**
 * Predicts with the texts that each step looks at. `conditions` are those of the steering's rows; `passesOf` makes the network's passes over
 * some of them, the unconditional one first where there are two. Several prompts are composed as in A1111's AND (Liu et al. 2022,
 * https://arxiv.org/abs/2206.01714); those with a window of their own are averaged in, as by ComfyUI.
 */
export function steeredPasses(
  steering: Steering,
  conditions: readonly Condition[],
  passesOf: (conditions: readonly Condition[]) => Predict,
): Predict {
  const made = new Map<string, Predict>();
  const over = (...rows: number[]): Predict => {
    const key = rows.join();
    const passes = made.get(key) ?? passesOf(rows.map((row) => conditions[row]!));
    made.set(key, passes);
    return passes;
  };
  return async (input, timestep, index, passes, beside) => {
    const { uncond, conds, more } = steering.at(passes.call, index);
    const main = conds[0]!;
    const isOne = conds.length === 1 && main.weight === 1 && more.length === 0;
    if (isOne && (uncond === undefined || haveOneShape(conditions[uncond]!, conditions[main.row]!)))
      return over(...(uncond === undefined ? [] : [uncond]), main.row)(input, timestep, index, passes, beside);

    const alone = (row: number, perturbed = false) =>
      over(row)(input, timestep, index, { call: passes.call, uncond: false, perturbed }, beside);
    const [base] = uncond !== undefined && (passes.uncond || steering.composes) ? await alone(uncond) : [];
    const [first, perturbed] = await alone(main.row, passes.perturbed);
    let cond = first!;
    if (steering.composes) {
      const others = [];
      for (const { row } of conds.slice(1)) others.push((await alone(row))[0]!);
      cond = compose(
        base!,
        [first!, ...others],
        conds.map(({ weight }) => weight),
      );
    }
    if (more.length > 0) {
      const each = [cond];
      for (const row of more) each.push((await alone(row))[0]!);
      cond = mean(each);
    }
    // What perturbing the first prompt's pass changes, under the composed one.
    const changed = perturbed && cond.map((value, i) => value - first![i]! + perturbed[i]!);
    return [...(passes.uncond ? [base!] : []), cond, ...(changed ? [changed] : [])];
  };
}

function haveOneShape(a: Condition, b: Condition): boolean {
  return Object.entries(a).every(([name, { dims }]) => dims.every((size, i) => size === b[name]!.dims[i]));
}

/** `base + Σ weight·(output − base)`. */
function compose(base: Float32Array, outputs: readonly Float32Array[], weights: readonly number[]): Float32Array {
  return base.map((value, i) => outputs.reduce((sum, output, k) => sum + weights[k]! * (output[i]! - value), value));
}

function mean(outputs: readonly Float32Array[]): Float32Array {
  return outputs[0]!.map((_, i) => outputs.reduce((sum, output) => sum + output[i]!, 0) / outputs.length);
}

/** Conditions of one shape as rows of one input each. */
export function stacked(conditions: readonly Condition[]): Record<string, Rows> {
  return Object.fromEntries(
    Object.entries(conditions[0]!).map(([name, { data, dims }]) => {
      const all = new Float32Array(conditions.length * data.length);
      for (const [i, condition] of conditions.entries()) all.set(condition[name]!.data, i * data.length);
      return [name, { data: all, dims: [conditions.length, ...dims.slice(1)] }];
    }),
  );
}

/** Conditions of which the shorter are repeated to the length of all: in attention that changes nothing. */
export function ofOneLength(conditions: readonly Condition[]): readonly Condition[] {
  const lengthOf = ({ encoder_hidden_states: states }: Condition) => states!.dims[1]!;
  const length = conditions.map(lengthOf).reduce(leastCommonMultiple, 1);
  return conditions.map((condition) => {
    const { data, dims } = condition.encoder_hidden_states!;
    const repeated = new Float32Array((data.length / dims[1]!) * length);
    for (let at = 0; at < repeated.length; at += data.length) repeated.set(data, at);
    return { ...condition, encoder_hidden_states: { data: repeated, dims: [dims[0]!, length, dims[2]!] } };
  });
}

function leastCommonMultiple(a: number, b: number): number {
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y));
  return (a * b) / divisor(a, b);
}
