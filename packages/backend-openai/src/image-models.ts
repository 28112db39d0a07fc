/** What is known of a model of OpenAI's, from the types of the `openai` package, 7.59. */
export interface ImageModel {
  /** The only sizes that it makes; absent: any that {@link freeSides} lets pass. */
  sizes?: readonly (readonly [number, number])[];
  /** Values of `quality`; absent: not known, whatever is asked is sent. */
  qualities?: readonly string[];
  inputFidelities?: readonly string[];
  /** When it was shut down, and what OpenAI names in its place. */
  retired?: { on: string; use: string };
}

const threeSizes = [
  [1024, 1024],
  [1536, 1024],
  [1024, 1536],
] as const;
const three = ["auto", "low", "medium", "high"];
const five = [...three, "xhigh", "max"];
const use = "gpt-image-2.5-sunburst or gpt-image-2.5-flare";

const models: readonly (readonly [RegExp, ImageModel])[] = [
  [/^dall-e-[23]$/, { retired: { on: "2026-05-12", use } }],
  [/^gpt-image-1$/, { retired: { on: "2026-10-23", use } }],
  [/^gpt-image-1-mini$/, { sizes: threeSizes, qualities: three, inputFidelities: ["low"] }],
  [/^gpt-image-1\.5$/, { sizes: threeSizes, qualities: three, inputFidelities: ["low", "high"] }],
  [/^chatgpt-image-latest$/, { sizes: threeSizes, qualities: three }],
  [/^gpt-image-2(-\d{4}-\d\d-\d\d)?$/, { qualities: three, inputFidelities: [] }],
  [/^gpt-image-2\.5-/, { qualities: five }],
];

/** Sides of models whose size is free: multiples of 16, at most 3840×2160 and 1:3 to 3:1. */
export const freeSides = { min: 16, max: 3840, multipleOf: 16 } as const;
/** Most pixels of those. */
export const maxFreePixels = 3840 * 2160;

/** A model by its name; one that is not known has no bounds of its own, and the server's answer counts. */
export function imageModel(name: string | undefined): ImageModel | undefined {
  return models.find(([pattern]) => pattern.test(name ?? ""))?.[1];
}
