/** What the AI SDK's providers have in common with each other, or not: read from their packages' code, November 2026. */
export interface ProviderHabits {
  shape: "size" | "aspectRatio";
  mask: "white" | "transparent";
  seed: boolean;
}

const usual: ProviderHabits = { shape: "size", mask: "white", seed: true };

const known: readonly (readonly [RegExp, Partial<ProviderHabits>])[] = [
  [/^google\b/, { shape: "aspectRatio" }],
  [/^(luma|xai)\b/, { shape: "aspectRatio", seed: false }],
  [/^(openai|azure)\b/, { mask: "transparent", seed: false }],
];

/** @param provider as a model names it, such as `"fal.image"`. */
export function habitsOf(provider: string): ProviderHabits {
  return { ...usual, ...known.find(([pattern]) => pattern.test(provider))?.[1] };
}
