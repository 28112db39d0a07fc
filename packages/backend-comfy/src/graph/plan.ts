import type { Conditioning, GenerationRequest, RequestOf, Task } from "@latentkit/core";
import type { Family, StrengthConvention } from "../comfy-options.ts";
import type { PlannedOptions } from "../plan/sampling-options.ts";

/** An input image as it will lie on the server. */
export interface PlannedImage {
  /** `subfolder/name` in the server's input folder. */
  name: string;
  width: number;
  height: number;
}

/** A structural control with its network found. */
export interface PlannedControl {
  /** Position in `request.conditioning`. */
  at: number;
  entry: Extract<Conditioning, { kind: "control" }>;
  network: string;
  /** What makes the control picture from a photo: the server's Canny node, or a preprocessor of AIO_Preprocessor's. */
  preprocessor?: "Canny" | { name: string };
}

/** How an IP-Adapter is loaded: by the unified loader's preset, or from files. */
export type PlannedAdapter = { preset: string } | { file: string; clipVision: string };

/** Ways to inpaint. */
export const inpaintModes = ["noise-mask", "vae-inpaint", "inpaint-model"] as const;
/** One of {@link inpaintModes}. */
export type InpaintMode = (typeof inpaintModes)[number];

/** Everything that a graph is built from: names are the server's own, sizes are final. Nothing else is read. */
export interface Plan {
  request: GenerationRequest;
  family: Family;
  /** Where the diffusion model comes from; absent for an upscale by an upscale model alone. */
  model?: { kind: "checkpoint" | "diffusion-model"; name: string };
  textEncoders: readonly string[];
  vae?: string;
  width: number;
  height: number;
  steps: number;
  guidanceScale: number;
  sampler: string;
  scheduler: string;
  /** By the names of the inputs of the node that has them. */
  samplerOptions?: PlannedOptions;
  schedulerOptions?: PlannedOptions;
  /** Whether the scheduler is none that a KSampler has. */
  ownScheduler?: boolean;
  /** Of the first picture; picture i uses seed + i. */
  seed: bigint;
  loras: readonly string[];
  /** With embeddings' tokens put in as ComfyUI writes them. */
  prompt: string;
  negativePrompt: string;
  controls: readonly PlannedControl[];
  adapters: ReadonlyMap<number, PlannedAdapter>;
  /** Upscale model for the `upscale` task, or for hires where it names one. */
  upscaleModel?: string;
  /** By request field: `image`, `mask`, `conditioning[0].image`. */
  images: ReadonlyMap<string, PlannedImage>;
  inpaint: { mode: InpaintMode; growMaskBy: number };
  /** Outpaint: pixels more on the right and at the bottom while painting, so that sides are multiples of 8. */
  extra: { right: number; bottom: number };
  /** Strength of the second look that a prompt gives an upscale. */
  refine: number;
  strengthConvention: StrengthConvention;
  delivery: "view" | "temp" | "socket";
  filenamePrefix: string;
}

/** A plan for one task. */
export type PlanOf<T extends Task> = Plan & { request: RequestOf<T> };

/** The planned image of a request field. */
export function imageOf(plan: Plan, field: string): PlannedImage {
  const image = plan.images.get(field);
  if (image === undefined) throw new Error(`no image was planned for ${field}`);
  return image;
}
