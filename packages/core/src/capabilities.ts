import type { ModelIdentity } from "./events.ts";
import type { ConditioningKind, ConditioningOption } from "./request/conditioning.ts";
import type { Task } from "./request/request.ts";
import type { HiresOption, ImageFormat, PromptSyntax } from "./request/shared-fields.ts";

/** Inclusive bounds of a number. */
export interface Range {
  min: number;
  max: number;
  multipleOf?: number;
}

/** Optional request fields that a backend or model may or may not honour. */
export const featureNames = [
  "negativePrompt",
  "promptSyntax",
  "seed",
  "steps",
  "guidanceScale",
  "imageGuidanceScale",
  "guidance",
  "sampler",
  "scheduler",
  "samplerOptions",
  "schedulerOptions",
  "sigmas",
  "timesteps",
  "startStep",
  "endStep",
  "latent",
  "noise",
  "clipSkip",
  "loras",
  "embeddings",
  "hires",
  "previewEvery",
  "strength",
  "classLabel",
] as const;
/** Name of an optional request field. */
export type FeatureName = (typeof featureNames)[number];

/** Settings that a model has of its own, named as in a request. */
export interface Defaults {
  /** The model's native size in pixels. */
  width?: number;
  height?: number;
  steps?: number;
  guidanceScale?: number;
  sampler?: string;
  scheduler?: string;
  negativePrompt?: string;
  /** How many times larger an upscaler makes each side, where it knows but one factor. */
  scale?: number;
}

/** What a backend can do with a model: data, so that a request is checked before anything is sent. */
export interface Capabilities {
  /** The backend's id. */
  backend: string;
  model?: ModelIdentity;
  tasks: readonly Task[];
  /** Request fields that are honoured; what is not listed here is refused when set. */
  features: readonly FeatureName[];
  /** What a feature that is not listed would take, for the error that refuses it: `"needs the server's ManualSigmas node"`. */
  missing?: Readonly<Partial<Record<FeatureName, string>>>;
  conditioning: readonly ConditioningKind[];
  /** Control types, or `"any"`. Default: `"any"` where `conditioning` has `"control"`. */
  controls?: readonly string[] | "any";
  /** Fields of a conditioning that are honoured, of those that not every backend has. Default: none. */
  conditioningOptions?: readonly ConditioningOption[];
  /** Fields of `hires` that are honoured, of those that not every backend has. Default: none. */
  hiresOptions?: readonly HiresOption[];
  /** Values of `promptSyntax`, where not all are honoured. */
  promptSyntaxes?: readonly PromptSyntax[];
  samplers: readonly string[] | "any";
  schedulers: readonly string[] | "any";
  outputFormats: readonly ImageFormat[];
  /** Bounds, where there are any beyond the request's own. */
  limits: Partial<Record<"width" | "height" | "count" | "steps" | "guidanceScale" | "scale" | "seed", Range>>;
  /** Sizes in pixels, where only some are possible. */
  sizes?: readonly (readonly [width: number, height: number])[];
  /** Values of fields of `backendOptions` under this backend's id, where only some are possible: `{ quality: ["low", "high"] }`. */
  options?: Readonly<Record<string, readonly (string | number)[]>>;
  /** What the model does where a request is silent, as far as it is known before: to fill a form in with. */
  defaults?: Defaults;
  /** Longest prompt in the backend's own tokens, where it cuts off. */
  maxPromptTokens?: number;
  /** Whether the backend itself keeps what an inpainting mask leaves black, and honours `keepUnmasked`. Else the client does. */
  keepsUnmasked?: boolean;
  /** What a picture costs, where it is known; 0 where nothing is billed. */
  usdPerImage?: number;
  /** Memory that a job takes on this machine beside the model's weights, where it is known: so much, and so much a pixel, up to the most. */
  memory?: { baseBytes: number; bytesPerPixel: number; mostBytes?: number };
  /** Whether `resume` works. */
  resume: boolean;
}
