/** Lines through what was found at 10 and at 200 steps: μ by the picture's tokens. */
const [few, many] = [
  { steps: 10, slope: 8.73809524e-5, start: 1.89833333 },
  { steps: 200, slope: 0.00016927, start: 0.45666666 },
];

/** Above so many tokens steps no longer count. */
const large = 4300;

/** μ of FLUX.2's schedule for a picture of so many tokens in so many steps: linear in both. */
export function empiricalMu(tokens: number, steps: number): number {
  const [atFew, atMany] = [few, many].map(({ slope, start }) => slope * tokens + start) as [number, number];
  if (tokens > large) return atMany;
  const perStep = (atMany - atFew) / (many.steps - few.steps);
  return atMany + perStep * (steps - many.steps);
}
