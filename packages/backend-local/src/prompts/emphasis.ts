/** A chunk's states `[tokens, width]`, with a weight for each token, and how often it occurs. */
export interface WeighedChunk {
  states: Float32Array;
  weights: Float64Array;
  count: number;
}

/**
 * AUTOMATIC1111's emphasis ("Original"), in place: each token's states times its weight, then all of them times a number that brings the mean
 * of all chunks back.
 */
export function multiplyAndRestoreMean(chunks: readonly WeighedChunk[]): void {
  const sumOfAll = () => chunks.reduce((total, { states, count }) => total + count * sum(states), 0);
  const before = sumOfAll();
  for (const { states, weights } of chunks) {
    const width = states.length / weights.length;
    for (let i = 0; i < states.length; i++) states[i]! *= weights[Math.floor(i / width)]!;
  }
  const ratio = before / sumOfAll();
  for (const { states } of chunks) for (let i = 0; i < states.length; i++) states[i]! *= ratio;
}

/** ComfyUI's emphasis, in place: from the empty text's states by the weight. `states` and `empty` are `[tokens, width]`. */
export function moveFromEmpty(states: Float32Array, empty: Float32Array, weights: Float64Array): void {
  const width = states.length / weights.length;
  for (const [token, weight] of weights.entries()) {
    if (weight === 1) continue;
    for (let i = token * width; i < (token + 1) * width; i++) states[i] = (states[i]! - empty[i]!) * weight + empty[i]!;
  }
}

function sum(values: Float32Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
