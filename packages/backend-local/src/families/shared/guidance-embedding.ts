import type { Rows } from "./rows.ts";

/**
 * The guidance scale as an input of a network that was distilled over a range of scales (Meng et al. 2022, as in latent
 * consistency models, Luo et al. 2023): sines and cosines of `1000·(scale − 1)`, one row.
 */
export function guidanceEmbedding(scale: number, size: number): Rows {
  const half = size >> 1;
  const data = new Float32Array(size);
  const step = Math.fround(-Math.log(10_000) / (half - 1));
  for (let i = 0; i < half; i++) {
    const frequency = Math.fround(Math.exp(Math.fround(i * step)));
    const angle = Math.fround(Math.fround(Math.fround(scale - 1) * 1000) * frequency);
    data[i] = Math.sin(angle);
    data[half + i] = Math.cos(angle);
  }
  return { data, dims: [1, size] };
}
