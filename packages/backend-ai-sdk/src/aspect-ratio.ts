/** Ratios that image models know by name. */
const usual = ["1:1", "4:5", "5:4", "3:4", "4:3", "2:3", "3:2", "9:16", "16:9", "9:21", "21:9", "1:2", "2:1"] as const;
/** Ratios that differ by less than this are the same picture: 1365×1024 is meant as 4:3. */
const tolerance = 0.02;

/** The aspect ratio of a size: a usual one that is all but the same, else the very one. */
export function aspectRatioOf(width: number, height: number): `${number}:${number}` {
  const off = (ratio: string) => {
    const [w = 1, h = 1] = ratio.split(":").map(Number);
    return Math.abs(Math.log((w / h) * (height / width)));
  };
  const [best] = [...usual].sort((a, b) => off(a) - off(b));
  if (best !== undefined && off(best) <= tolerance) return best;
  const divisor = gcd(width, height);
  return `${width / divisor}:${height / divisor}`;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
