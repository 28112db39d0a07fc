/** How a side is cut. */
export interface TileSizes {
  /** Longest side of what the network is shown at once, in pixels. */
  tileSize: number;
  /** How many pixels of its neighbours a tile is shown on each side. */
  tileOverlap: number;
}

/** A stretch of a side that is looked at, and what of it is kept. */
export interface Tile {
  from: number;
  to: number;
  keepFrom: number;
  keepTo: number;
}

/**
 * Stretches of `tileSize` over a side, all of one length, so that the network runs in one shape; the whole side where it is no longer. They begin
 * and end at multiples of `multipleOf`, as the side does.
 */
export function tilesOver(
  side: number,
  { tileSize, tileOverlap, multipleOf = 1 }: TileSizes & { multipleOf?: number },
): Tile[] {
  const length = Math.max(multipleOf, tileSize - (tileSize % multipleOf));
  if (side <= length) return [{ from: 0, to: side, keepFrom: 0, keepTo: side }];
  const overlap = Math.ceil(tileOverlap / multipleOf) * multipleOf;
  const kept = Math.max(multipleOf, length - 2 * overlap);
  const tiles: Tile[] = [];
  for (let at = 0; at < side; ) {
    const from = Math.min(Math.max(0, at - overlap), side - length);
    const to = from + length;
    const keepTo = to === side ? side : Math.min(at === 0 ? length - overlap : at + kept, side);
    tiles.push({ from, to, keepFrom: at, keepTo });
    at = keepTo;
  }
  return tiles;
}
