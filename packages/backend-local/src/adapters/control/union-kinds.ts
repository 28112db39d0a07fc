/** A union ControlNet's kinds, as published (https://github.com/xinsir6/ControlNetPlus). */
export const unionNumbers: Readonly<Record<string, number>> = {
  pose: 0,
  depth: 1,
  "soft-edge": 2,
  scribble: 2,
  canny: 3,
  "line-art": 3,
  normal: 4,
  segmentation: 5,
  tile: 6,
  inpaint: 7,
};

/** Those that a network of so many knows. */
export function unionKinds(count: number): string[] {
  return Object.keys(unionNumbers).filter((name) => unionNumbers[name]! < count);
}
