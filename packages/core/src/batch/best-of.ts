import type { Client, GenerateOptions } from "../client.ts";
import { ConfigError } from "../errors/config-error.ts";
import type { GeneratedImage } from "../image/generated-image.ts";
import type { GenerationInput } from "../request/input-types.ts";

/** How the best is found. */
export interface BestOfOptions extends GenerateOptions {
  /** Pictures to draw; picture i has the seed + i. */
  of: number;
  /** How good a picture is: the highest wins. */
  score(image: GeneratedImage): number | Promise<number>;
}

/** The best picture, and all of them with their scores, best first. */
export interface BestOf {
  best: GeneratedImage;
  score: number;
  all: readonly { image: GeneratedImage; score: number }[];
}

/** @throws ConfigError for wrong options, and what the job throws. */
export async function bestOf(client: Client, input: GenerationInput, options: BestOfOptions): Promise<BestOf> {
  const { of: count, score, ...rest } = options;
  if (!Number.isInteger(count) || count < 1) throw new ConfigError("of: must be a whole number from 1 up");
  if (typeof score !== "function") throw new ConfigError("score: must be a function of a picture");
  const { images } = await client.generate({ ...input, count } as GenerationInput, rest);
  const scored = [];
  for (const image of images) scored.push({ image, score: await score(image) });
  // A score that is no number is the worst, wherever the picture stands.
  const rank = (value: number) => (Number.isNaN(value) ? Number.NEGATIVE_INFINITY : value);
  const all = scored.toSorted((a, b) => rank(b.score) - rank(a.score));
  const [first] = all;
  return { best: first!.image, score: first!.score, all };
}
