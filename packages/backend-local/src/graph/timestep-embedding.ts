import type { GraphBuilder, Value } from "./graph-builder.ts";

/** Shape of a sinusoidal embedding. */
export interface TimestepOptions {
  dimension: number;
  /** Cosines before sines. */
  flipSinToCos: boolean;
  /** Subtracted from the number of frequencies in the exponent's denominator. */
  freqShift: number;
}

const maxPeriod = 10_000;

/**
 * Sinusoidal embedding of timesteps `[n]` as `[n, dimension]` (Ho et al. 2020, after Vaswani et al. 2017). The
 * frequencies are rounded to float32 at each step as torch does: at t near 1000 one ulp more is seen in the sine.
 */
export function timestepEmbedding(graph: GraphBuilder, timesteps: Value, options: TimestepOptions): Value {
  const { dimension, flipSinToCos } = options;
  const frequencies = frequenciesOf(options);
  const half = frequencies.length;
  const column = graph.node("Reshape", [timesteps, graph.ints([-1, 1])]);
  const angles = graph.node("Mul", [column, graph.floats(frequencies, [1, half])]);
  const waves = [graph.node("Sin", [angles]), graph.node("Cos", [angles])];
  const embedding = graph.node("Concat", flipSinToCos ? waves.toReversed() : waves, {
    attributes: { axis: { int: 1 } },
  });
  return dimension % 2 === 0 ? embedding : graph.node("Pad", [embedding, graph.ints([0, 0, 0, 1])]);
}

function frequenciesOf({ dimension, freqShift }: TimestepOptions): number[] {
  const half = dimension >> 1;
  return Array.from({ length: half }, (_, i) => {
    const exponent = Math.fround(Math.fround(Math.fround(-Math.log(maxPeriod)) * i) / (half - freqShift));
    return Math.fround(Math.exp(Math.fround(exponent)));
  });
}

/** {@link timestepEmbedding} of numbers that are known, as large as they may be: `[n, dimension]`, which is even. */
export function constantWaves(graph: GraphBuilder, numbers: readonly number[], options: TimestepOptions): Value {
  const frequencies = frequenciesOf(options);
  const waves = [Math.sin, Math.cos];
  const rows = numbers.flatMap((number) => {
    const angles = frequencies.map((frequency) => Math.fround(number * frequency));
    return (options.flipSinToCos ? waves.toReversed() : waves).flatMap((wave) => angles.map((angle) => wave(angle)));
  });
  return graph.floats(rows, [numbers.length, options.dimension]);
}

/**
 * Embedding of noise levels `[n]` at random frequencies as `[n, 2·size]` (Song et al. 2021, after Tancik et al. 2020): sines,
 * then cosines, of the level's logarithm. `frequencies` is `[size]`.
 */
export function fourierEmbedding(graph: GraphBuilder, levels: Value, frequencies: Value): Value {
  const column = graph.node("Reshape", [graph.node("Log", [levels]), graph.ints([-1, 1])]);
  const turns = graph.node("Mul", [column, frequencies]);
  const angles = graph.node("Mul", [turns, graph.floats(2 * Math.PI)]);
  const waves = [graph.node("Sin", [angles]), graph.node("Cos", [angles])];
  return graph.node("Concat", waves, { attributes: { axis: { int: 1 } } });
}
