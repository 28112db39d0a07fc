/** A stretch of a side, and how far its neighbours lie over it. */
export interface Stretch {
  from: number;
  length: number;
  before: number;
  after: number;
}

/**
 * Stretches over a side, all of one length, which lie over each other by at least `overlap`; where the side is shorter, one that is as long as
 * a multiple allows.
 */
export function stretchesOver(side: number, length: number, overlap: number, multipleOf: number): Stretch[] {
  if (side <= length) {
    const whole = Math.ceil(side / multipleOf) * multipleOf;
    return [{ from: 0, length: Math.min(length, whole), before: 0, after: 0 }];
  }
  const count = Math.ceil((side - overlap) / (length - overlap));
  const starts = Array.from({ length: count }, (_, i) => Math.round((i * (side - length)) / (count - 1)));
  return starts.map((from, i) => ({
    from,
    length,
    before: i === 0 ? 0 : starts[i - 1]! + length - from,
    after: i === count - 1 ? 0 : from + length - starts[i + 1]!,
  }));
}

/** How much a stretch counts at a place: less and less towards an edge that a neighbour lies over. */
export function weightOf({ from, length, before, after }: Stretch, at: number): number {
  const [left, right] = [at - from + 0.5, from + length - at - 0.5];
  return Math.min(1, before > 0 ? left / before : 1, after > 0 ? right / after : 1);
}
