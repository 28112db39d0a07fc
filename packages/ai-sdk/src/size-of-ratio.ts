import { type Capabilities, InvalidRequestError } from "@latentkit/core";

/** Where a model does not say how large its pictures are. */
const usualArea = 1024 * 1024;

/**
 * The size of an aspect ratio with about as many pixels as the model is used to, in its own multiples; of sizes that are listed the nearest.
 *
 * @throws InvalidRequestError where it is no ratio.
 */
export function sizeOfRatio(
  ratio: string,
  { defaults = {}, limits, sizes }: Pick<Capabilities, "defaults" | "limits" | "sizes">,
): { width: number; height: number } {
  const [across = 0, down = 0] = ratio.split(":").map(Number);
  if (!(across > 0 && down > 0))
    throw new InvalidRequestError([{ field: "aspectRatio", message: 'must be such as "16:9"' }]);
  const off = ([width, height]: readonly [number, number]) => Math.abs(Math.log((width / height) * (down / across)));
  const [nearest] = [...(sizes ?? [])].sort((a, b) => off(a) - off(b));
  if (nearest !== undefined) return { width: nearest[0], height: nearest[1] };
  const area =
    defaults.width !== undefined && defaults.height !== undefined ? defaults.width * defaults.height : usualArea;
  const fit = (value: number, side: "width" | "height") => {
    const { min = 8, max = 16_384, multipleOf = 8 } = limits[side] ?? {};
    const rounded = Math.round(value / multipleOf) * multipleOf;
    return Math.min(
      Math.max(rounded, Math.ceil(min / multipleOf) * multipleOf),
      Math.floor(max / multipleOf) * multipleOf,
    );
  };
  const width = Math.sqrt((area * across) / down);
  return { width: fit(width, "width"), height: fit((width * down) / across, "height") };
}
