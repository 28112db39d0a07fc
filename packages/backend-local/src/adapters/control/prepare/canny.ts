import type { Pixels } from "@latentkit/core";

/** tan 22.5° in 2⁻¹⁵. */
const tan22 = 13573;

/**
 * Canny's edges (Canny 1986), white on black, as OpenCV's `Canny` finds them: Sobel's derivatives of 3×3 with borders repeated, of each place the
 * channel that changes most, |dx| + |dy| for the length; thinned; then all that hang together with an edge above `high` and are above `low`.
 */
export function canny(pixels: Pixels, low = 100, high = 200): Pixels {
  const { width, height } = pixels;
  const { dx, dy, length } = gradients(pixels);
  // 0: no edge, 1: one if it hangs together with one, 2: an edge.
  const state = new Uint8Array(width * height);
  const open: number[] = [];
  const at = (x: number, y: number) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : length[y * width + x]!);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const own = length[i]!;
      if (own <= low || !isRidge(x, y, own)) continue;
      state[i] = own > high ? 2 : 1;
      if (own > high) open.push(i);
    }
  }
  while (open.length > 0) {
    const i = open.pop()!;
    const [x, y] = [i % width, Math.floor(i / width)];
    for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
      for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
        const next = v * width + u;
        if (state[next] !== 1) continue;
        state[next] = 2;
        open.push(next);
      }
    }
  }
  const data = new Uint8Array(3 * width * height);
  for (const [i, value] of state.entries()) if (value === 2) data.fill(255, 3 * i, 3 * i + 3);
  return { width, height, channels: 3, data };

  /** Whether it is longer than its neighbours across the edge. */
  function isRidge(x: number, y: number, own: number): boolean {
    const i = y * width + x;
    const [across, up] = [Math.abs(dx[i]!), Math.abs(dy[i]!) * 2 ** 15];
    const flat = across * tan22;
    if (up < flat) return own > at(x - 1, y) && own >= at(x + 1, y);
    if (up > flat + across * 2 ** 16) return own > at(x, y - 1) && own >= at(x, y + 1);
    const turn = dx[i]! < 0 !== dy[i]! < 0 ? -1 : 1;
    return own > at(x - turn, y - 1) && own > at(x + turn, y + 1);
  }
}

function gradients({ width, height, channels, data }: Pixels) {
  const n = width * height;
  const [dx, dy, length] = [new Int16Array(n), new Int16Array(n), new Int16Array(n).fill(-1)];
  for (let y = 0; y < height; y++) {
    const [above, below] = [Math.max(0, y - 1) * width, Math.min(height - 1, y + 1) * width];
    for (let x = 0; x < width; x++) {
      const [left, right] = [Math.max(0, x - 1), Math.min(width - 1, x + 1)];
      const i = y * width + x;
      for (let c = 0; c < 3; c++) {
        const of = (row: number, column: number) => data[(row + column) * channels + c]!;
        const here = y * width;
        const h =
          of(above, right) +
          2 * of(here, right) +
          of(below, right) -
          of(above, left) -
          2 * of(here, left) -
          of(below, left);
        const v =
          of(below, left) + 2 * of(below, x) + of(below, right) - of(above, left) - 2 * of(above, x) - of(above, right);
        const total = Math.abs(h) + Math.abs(v);
        if (total <= length[i]!) continue;
        dx[i] = h;
        dy[i] = v;
        length[i] = total;
      }
    }
  }
  return { dx, dy, length };
}
