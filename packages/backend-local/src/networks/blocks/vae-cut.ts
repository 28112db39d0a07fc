/** How a decoder without norms over the whole picture is cut before one of its levels: a trunk that is run whole, and a tail in bands of rows. */
export interface VaeCut {
  /** Which level the tail begins with, the smallest being 0; or whatever else tells its builders. */
  seam: number;
  /** Channels of the picture. */
  colours: number;
  /** Rows of what the trunk makes to one of the latent's, and columns. */
  up: number;
  /** Rows of the picture to one of these, and columns. */
  scale: number;
  /** Channels of what the trunk makes. */
  channels: number;
  /** How many of the trunk's rows beyond its own a row of the picture is made of, above and below. */
  reach: number;
  /** Numbers that the trunk, and the tail, hold at the most for each pixel of the picture, by their graphs. */
  floats: { trunk: number; tail: number };
}

/**
 * How far a tail's rows look, whose levels have so many convolutions of 3×3 one after the other, the smallest first: between levels sides are doubled and
 * convolved once, and once more at the end.
 */
export function reachOf(convolutions: readonly number[]): number {
  return convolutions.reduceRight((rows, count, i) => {
    const own = rows + count;
    return i === 0 ? own : Math.ceil((own + 1) / 2);
  }, 1);
}

/**
 * Where a decoder of so many levels is cut: where three are left, as rows look little further than they are high there; or at its beginning, where a picture is
 * too large for that.
 */
export function seamsOf(levels: number): readonly number[] {
  return levels > 3 ? [levels - 3, 0] : [0];
}
