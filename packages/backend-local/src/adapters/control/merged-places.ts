import type { ResidualPlaces } from "../../networks/blocks/residuals.ts";

/** What several ControlNets add to one list of blocks. */
export interface MergedPlaces {
  /** Which of the joined results is added after each block. */
  places: ResidualPlaces;
  /** For each of these: which of each net's results are its parts; −1 where none is. */
  parts: readonly (readonly number[])[];
}

/** The results of several ControlNets joined: two blocks to which each adds the same share one. */
export function mergedPlaces(all: readonly ResidualPlaces[]): MergedPlaces {
  const parts = new Map<string, { index: number; own: readonly number[] }>();
  const places = all[0]!.map((_, block) => {
    const own = all.map((each) => each[block]!);
    if (own.every((place) => place < 0)) return -1;
    const key = own.join();
    const part = parts.get(key) ?? { index: parts.size, own };
    parts.set(key, part);
    return part.index;
  });
  return { places, parts: [...parts.values()].map(({ own }) => own) };
}
