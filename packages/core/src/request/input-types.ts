import type { ImageObject } from "./image-object.ts";
import type { HashedSource } from "./image-source.ts";
import type { SamplerName, SchedulerName } from "./shared-fields.ts";

// What a user may write, field by field. The texts are what an editor shows, what requestJsonSchema() and docs/request.md tell: they
// stand here and nowhere else (node tools/docs/request.ts). The rules are the schemas', which must have the same fields: same-fields.ts.

/**
 * A picture to begin with: a file path, an `http(s)`, `file` or `data` URL, the bytes of a PNG, JPEG or WebP file, a `Blob` or `File`, a
 * `GeneratedImage` or an event's picture; or plain data: `{ path }`, `{ url }` or `{ base64 }`, where `sha256` (hex) is checked if it is there.
 */
export type ImageInput =
  | string
  | URL
  | Uint8Array
  | ArrayBuffer
  | ImageObject
  | { path: string; sha256?: string | undefined }
  | { url: string; sha256?: string | undefined }
  | { base64: string; mediaType?: string | undefined; sha256?: string | undefined }
  | HashedSource;

/** A latent's values. */
export interface LatentValues {
  /** The values, row by row. */
  data: Float32Array | readonly number[];
  /** `[channels, height, width]`, or `[count, channels, height, width]` with one latent for each picture. */
  shape: number[];
}

/** A latent: its values, or its file (as an {@link ImageInput}): a `.safetensors` or `.latent` with one latent in it, or a `.npy`. */
export type LatentInput = LatentValues | ImageInput;

/** A whole number from 0 to 2^64-1: a number, a bigint, or decimal digits. Above 2^53 a number is not exact: use a bigint or digits. */
export type SeedInput = number | bigint | string;

/** A sampler's or scheduler's own settings, by name. */
export type OptionsInput = Record<string, number | string | boolean>;

/** Options that JSON can hold. */
export type JsonInput = string | number | boolean | null | JsonInput[] | { [key: string]: JsonInput };

/** A LoRA. */
export interface LoraInput {
  /** File, name or URL of the LoRA, as the backend knows it. */
  model: string;
  /** Multiplies the LoRA's change to the unet (and the text encoder). */
  strength?: number | undefined;
  /** The text encoder's own strength, where it differs. */
  textEncoderStrength?: number | undefined;
}

/** A textual inversion (arXiv:2208.01618). */
export interface EmbeddingInput {
  /** File or name of the textual inversion, as the backend knows it. */
  model: string;
  /** Word in the prompt that stands for it; the file's own where absent. */
  token?: string | undefined;
}

/** A second pass at a larger size. */
export interface HiresInput {
  /** Enlargement of each side between the two passes. */
  scale?: number | undefined;
  /** How far the second pass moves from the enlarged picture: 0 keeps it, 1 ignores it. */
  strength?: number | undefined;
  /** Sampling steps of the second pass; those of the first where absent. @unit steps */
  steps?: number | undefined;
  /**
   * What enlarges: an interpolation of the latent (`"nearest"`, `"bilinear"`, `"bicubic"`), of the picture (`"lanczos"`), or an upscaling
   * network, as the backend names it.
   */
  upscaler?: string | undefined;
  /** Sampler of the second pass; that of the first where absent. */
  sampler?: SamplerName | undefined;
  /** Scheduler of the second pass; that of the first where absent. */
  scheduler?: SchedulerName | undefined;
}

/** How the prompt steers, beside `guidanceScale`. */
export interface GuidanceInput {
  /** How conditional and unconditional predictions are joined: plain, CFG++ (arXiv:2406.08070), APG (arXiv:2410.02416), CFG-Zero* (arXiv:2503.18886). */
  mode?: "cfg" | "cfg++" | "apg" | "cfg-zero-star" | undefined;
  /** Guidance rescale φ of arXiv:2305.08891; 0 is off. */
  rescale?: number | undefined;
  /** Guidance acts from this fraction of the sampling (arXiv:2404.07724). */
  start?: number | undefined;
  /** Guidance acts until this fraction of the sampling. */
  end?: number | undefined;
  /** Guidance scale of each step, in place of one number for all. */
  scales?: number[] | undefined;
  /** Scale of perturbed-attention guidance (arXiv:2403.17377); 0 is off, 3 usual. */
  pagScale?: number | undefined;
  /** How much of it is lost by each timestep below 1000, as diffusers' `pag_adaptive_scale`; 0 is nothing. */
  pagAdaptiveScale?: number | undefined;
  /**
   * Which self-attentions are perturbed: `"mid"` (where absent), `"down"`, `"up"`, or any other part of, or regular expression that is
   * found in, a layer's name, such as `"down_blocks.1"`. As diffusers' `pag_applied_layers`.
   */
  pagLayers?: string[] | undefined;
  /** APG's weight of the part that is parallel to the prediction. */
  apgEta?: number | undefined;
  /** APG's momentum over the steps. */
  apgMomentum?: number | undefined;
  /** APG's bound on the norm of the guidance; 0 is none. */
  apgNormThreshold?: number | undefined;
}

/** Where the random numbers come from: whose pictures of the same seed are made. */
export interface NoiseInput {
  /** Generator: torch's CPU MT19937, or CUDA's Philox, also called NV. */
  source?: "torch-cpu" | "nv" | undefined;
  /**
   * With `nv`: the device whose numbers are wanted, by the properties that torch tells of it. Devices differ where a latent has more values
   * than they run threads. Where absent, one as large as it takes, as A1111's NV.
   */
  device?: NoiseDeviceInput | undefined;
  /** Whose order of draws is followed; and whose levels and formulas, for the samplers by name that differ. */
  convention?: "diffusers" | "comfyui" | "a1111" | undefined;
  /** A1111's sub-seed, blended by spherical interpolation. */
  subseed?: SeedInput | undefined;
  /** How much of the sub-seed's noise there is: 0 none, 1 nothing else. */
  subseedStrength?: number | undefined;
  /** A1111's eta noise seed delta: 31337 in NovelAI's pictures. */
  ensd?: number | undefined;
  /** A1111's "resize seed from": the first noise's middle is that of a picture of this size. */
  resizeFrom?: SizeInput | undefined;
  /** ComfyUI: what the steps' generator adds to the seed; 1 as it does now on a CPU, 0 as before. */
  stepSeedOffset?: number | undefined;
  /**
   * The picture's place in a batch whose pictures share random numbers with diffusers: an inpainted picture's latent, the Brownian tree of a
   * `noise_sampler_seed`. It stands in the recipe of such a picture, which so makes it again alone.
   */
  batch?: BatchPlaceInput | undefined;
}

/** A CUDA device by what torch tells of it. */
export interface NoiseDeviceInput {
  /** torch's `multi_processor_count`. */
  multiProcessorCount: number;
  /** torch's `max_threads_per_multi_processor`. */
  maxThreadsPerMultiProcessor: number;
}

/** A picture's size. */
export interface SizeInput {
  /** Width of the picture. @unit pixels */
  width: number;
  /** Height of the picture. @unit pixels */
  height: number;
}

/** A picture's place in its batch. */
export interface BatchPlaceInput {
  /** Position from 0, below `size`. */
  index: number;
  /** Number of pictures in the batch. */
  size: number;
}

/** How pictures are delivered. */
export interface OutputInput {
  /** Encoding of the pictures' files. */
  format?: "png" | "jpeg" | "webp" | undefined;
  /** Quality of JPEG and WebP files, as of libjpeg: 100 is the best. */
  quality?: number | undefined;
  /** Whether the recipe is written into PNG files. */
  embedRecipe?: boolean | undefined;
  /**
   * Whether recipes hold the bytes of inputs that were given as bytes or as data URLs. Where false the recipe has their SHA-256 and size, and
   * making the picture again takes the files themselves.
   */
  embedInputs?: boolean | undefined;
  /** Whether each picture comes with the latent that sampling left, in `image.latent`. */
  latent?: boolean | undefined;
}

/** When a conditioning acts. */
export interface WindowInput {
  /** Fraction of the sampling at which it begins to act. */
  start?: number | undefined;
  /** Fraction of the sampling after which it no longer acts. */
  end?: number | undefined;
}

/** More text, added to the prompt with a weight. */
export interface TextConditioningInput extends WindowInput {
  /** A further text. */
  kind: "text";
  /** What it says. */
  prompt: string;
  /** Multiplies the text's influence; 1 is neutral. */
  weight?: number | undefined;
}

/** A picture used as a prompt (IP-Adapter, arXiv:2308.06721). */
export interface ImagePromptInput extends WindowInput {
  /** A picture as a prompt. */
  kind: "image-prompt";
  /** The picture whose content or style is wanted. */
  image: ImageInput;
  /** Adapter to use; the backend's default where absent. */
  model?: string | undefined;
  /** CLIP's image encoder that the adapter was made for; the one beside the adapter, or the backend's default, where absent. */
  imageEncoder?: string | undefined;
  /** Where the picture acts: white; everywhere where absent. */
  mask?: ImageInput | undefined;
  /** Multiplies the picture's influence; 1 is neutral. */
  strength?: number | undefined;
}

/** A structural control (ControlNet, arXiv:2302.05543). */
export interface ControlInput extends WindowInput {
  /** A structure to follow. */
  kind: "control";
  /** What the control picture shows: edges, depth, a pose, … */
  control:
    | "canny"
    | "depth"
    | "pose"
    | "scribble"
    | "line-art"
    | "soft-edge"
    | "normal"
    | "segmentation"
    | "tile"
    | "blur"
    | "gray"
    | "low-quality"
    | "inpaint"
    | "custom";
  /** The control picture itself: edges, a depth map, a pose's skeleton. */
  image: ImageInput;
  /** ControlNet to use; the backend's default for `control` where absent. */
  model?: string | undefined;
  /** Makes the control picture of `image`, which is then a photo: its edges, for instance. An event shows what was made. */
  prepare?: boolean | undefined;
  /** A network that makes the control picture of `image`, such as a depth estimator: a path, as the backend knows it. */
  preprocessor?: string | undefined;
  /** Lets the control act less and less from the middle of the network to its outer layers, so that the prompt counts for more. */
  softWeights?: boolean | undefined;
  /** Follows the control even without a prompt, as diffusers' `guess_mode`: it acts on the conditional pass alone. */
  guessMode?: boolean | undefined;
  /** Multiplies the control's influence; 1 is neutral. */
  strength?: number | undefined;
}

/** A picture that a model looks at which edits by instruction (FLUX.1 Kontext, FLUX.2, FLUX.3, Qwen-Image Edit and 2.1), in the request's order. */
export interface ReferenceInput {
  /** A picture to go by. */
  kind: "reference";
  /** The picture that the prompt speaks of: to be changed, or to take things from. */
  image: ImageInput;
}

/** What steers a generation beside the prompt. */
export type ConditioningInput = TextConditioningInput | ImagePromptInput | ControlInput | ReferenceInput;

/** Fields of every task. What is left out is decided by the backend and stands in the recipe. */
export interface SharedInput {
  /** The model, as the backend names it; the backend's own default where absent. */
  model?: string | undefined;
  /** Width of the picture; the model's own where absent, or the input picture's. @unit pixels */
  width?: number | undefined;
  /** Height of the picture; the model's own where absent, or the input picture's. @unit pixels */
  height?: number | undefined;
  /** Number of pictures; picture i uses `seed + i`. @unit pictures */
  count?: number | undefined;
  /** What the random numbers begin with, 0 to 2^64-1: the same seed makes the same picture. A random one, told in the recipe, where absent. */
  seed?: SeedInput | undefined;
  /** Number of sampling steps; the model's own where absent. @unit steps */
  steps?: number | undefined;
  /** Classifier-free guidance scale (arXiv:2207.12598): how closely the prompt is followed; 1 is off. */
  guidanceScale?: number | undefined;
  /** How the prompt steers, beside `guidanceScale`: rescale, interval, perturbed attention, APG, … */
  guidance?: GuidanceInput | undefined;
  /**
   * What steps the latents, by ComfyUI's names. diffusers' and A1111's are understood too and become ComfyUI's: "DPM++ 2M Karras" is `dpmpp_2m`
   * with scheduler `karras`.
   */
  sampler?: SamplerName | undefined;
  /** What makes the sigmas, by ComfyUI's names; A1111's ("SGM Uniform") become ComfyUI's. */
  scheduler?: SchedulerName | undefined;
  /** The sampler's own settings, such as `eta` or `s_noise`: docs/samplers.md has each sampler's, with their ranges. */
  samplerOptions?: OptionsInput | undefined;
  /** The scheduler's own settings, such as `rho` or `sigma_max`: docs/samplers.md has each scheduler's. */
  schedulerOptions?: OptionsInput | undefined;
  /**
   * Noise levels of your own, in place of `steps` and a `scheduler`: from 0 up, each below the one before, the last being where sampling ends,
   * usually 0. On the model's own scale: to 1 for flow models, to about 14.6 for Stable Diffusion.
   */
  sigmas?: number[] | undefined;
  /**
   * Timesteps of your own, in place of `steps` and a `scheduler`: from 0 up to the last that the model was trained at (999 of Stable Diffusion),
   * each below the one before; sampling ends without noise.
   */
  timesteps?: number[] | undefined;
  /**
   * The first step to run, counted from 0 over all the `steps` and below them (ComfyUI's `start_at_step`). Text-to-image goes on with the `latent`
   * that an earlier request left there; the other tasks noise their picture to that step's level, in place of a `strength`. @unit steps
   */
  startStep?: number | undefined;
  /**
   * The step to stop before, counted as `startStep` and above it (ComfyUI's `end_at_step`); above `steps` it is the last. What noise is left stays
   * in the latent, and in the picture. @unit steps
   */
  endStep?: number | undefined;
  /** Where the random numbers come from: whose pictures of the same seed are made. */
  noise?: NoiseInput | undefined;
  /**
   * Text encoder layers left off at the end; 1 is none, as in A1111 and ComfyUI. With `promptSyntax` `"plain"` for the prompt alone, as diffusers'
   * `clip_skip` (which is one less); with the others for the negative prompt too. @unit layers
   */
  clipSkip?: number | undefined;
  /** What steers beside the prompt: further texts, pictures as prompts, structures to follow; a hundred at most. */
  conditioning?: ConditioningInput[] | undefined;
  /** LoRAs, with their strengths. */
  loras?: LoraInput[] | undefined;
  /** Textual inversions, with the words that stand for them. */
  embeddings?: EmbeddingInput[] | undefined;
  /** A second pass at a larger size. */
  hires?: HiresInput | undefined;
  /** Ask for a preview every so many steps; 0 is none. @unit steps */
  previewEvery?: number | undefined;
  /** How pictures are delivered: format, quality, whether the recipe goes along. */
  output?: OutputInput | undefined;
  /** Settings that one backend alone understands, under its id. */
  backendOptions?: Record<string, Record<string, JsonInput>> | undefined;
}

/** How a mask is changed before it is used, on every backend. */
export interface MaskInput {
  /** How far the mask's white grows on each side, before the blur; below 0 it shrinks. @unit pixels */
  maskGrow?: number | undefined;
  /** Standard deviation of the blur over the mask's edge, across which old and new are blended. @unit pixels */
  maskBlur?: number | undefined;
  /** What of the picture is looked at around the part that is painted alone; 32 where absent. @unit pixels */
  maskPadding?: number | undefined;
}

/** A rectangle of a picture. */
export interface BoxInput {
  /** Its left edge, from the picture's. @unit pixels */
  left: number;
  /** Its upper edge, from the picture's. @unit pixels */
  top: number;
  /** Its width. @unit pixels */
  width: number;
  /** Its height. @unit pixels */
  height: number;
}

/**
 * A stage that goes on with the picture before it: an image-to-image of all of it, or of a part (a face, a hand), cut out, painted at the
 * model's own size and put back. In an inpaint or outpaint it acts where that paints.
 */
export interface RefineInput extends MaskInput {
  /** How far to move from the picture before: 0 keeps it, 1 ignores it. */
  strength?: number | undefined;
  /** Sampling steps of this stage; the request's where absent. @unit steps */
  steps?: number | undefined;
  /** What to draw in this stage; the request's prompt where absent. */
  prompt?: string | undefined;
  /** What to keep out in this stage; the request's where absent. */
  negativePrompt?: string | undefined;
  /** Guidance scale of this stage; the request's where absent. */
  guidanceScale?: number | undefined;
  /** Sampler of this stage; the request's where absent. */
  sampler?: SamplerName | undefined;
  /** Scheduler of this stage; the request's where absent. */
  scheduler?: SchedulerName | undefined;
  /** What this stage's random numbers begin with; the picture's seed plus the stage's number, from 1, where absent. */
  seed?: SeedInput | undefined;
  /** The part to paint, as a rectangle. */
  box?: BoxInput | undefined;
  /** The part to paint: white. */
  mask?: ImageInput | undefined;
}

/** A look at what a request would make, at less cost: `client.final` makes the picture of it. */
export interface DraftInput {
  /** Sampling steps of the draft; about a third of the request's where absent. @unit steps */
  steps?: number | undefined;
  /** Size of the draft's sides, as a share of the request's. */
  scale?: number | undefined;
}

/** An enlarged picture drawn anew by a model that has image-to-image, tile by tile ("Ultimate SD upscale"). */
export interface RedrawInput {
  /** How far to move from the enlarged picture: 0 keeps it, 1 ignores it. */
  strength?: number | undefined;
  /** Sampling steps of each tile; the model's own where absent. @unit steps */
  steps?: number | undefined;
  /** Sides of a tile; the model's own size where absent. @unit pixels */
  tileSize?: number | undefined;
  /** How far neighbouring tiles lie over each other, which is blended. @unit pixels */
  tileOverlap?: number | undefined;
  /** An upscaling network that enlarges first, as the backend names it; a Lanczos filter where absent. */
  upscaler?: string | undefined;
}

/** The prompt and its negative. */
export interface PromptInput {
  /** What to draw. */
  prompt: string;
  /** What to keep out. */
  negativePrompt?: string | undefined;
  /**
   * How signs in the prompts are read; the backend's own way where absent. `"plain"`: as they stand; one text encoder's length of them, as
   * diffusers. `"a1111"`: as AUTOMATIC1111 reads them: `(word:1.3)`, `(word)`, `[word]`, BREAK, AND, `[from:to:when]`, `[a|b]`. `"comfyui"`: as
   * ComfyUI: `(word:1.3)`, `(word)`. With these two, texts of any length count.
   */
  promptSyntax?: "plain" | "a1111" | "comfyui" | undefined;
}

/** A picture from a prompt. */
export interface TextToImageInput extends PromptInput, SharedInput {
  /** What is made. */
  task: "text-to-image";
  /**
   * With `startStep`: the latent that an earlier request left there, gone on with as it is. Without: the noise to start from, of unit variance, as
   * diffusers' `latents`.
   */
  latent?: LatentInput | undefined;
  /** Stages that go on with the picture, one after the other, each in the recipe. */
  refine?: RefineInput[] | undefined;
  /** Makes a draft of the picture. */
  draft?: DraftInput | undefined;
}

/** A picture from another one and a prompt. It begins with `image` or with `latent`. */
export interface ImageToImageInput extends PromptInput, SharedInput {
  /** What is made. */
  task: "image-to-image";
  /** The picture to begin with; or `latent`. */
  image?: ImageInput | undefined;
  /** The picture's latent, clean and in the network's scale (the VAE's times its scaling factor), in place of `image`. */
  latent?: LatentInput | undefined;
  /** How far to move from the image: 0 keeps it, 1 ignores it. */
  strength?: number | undefined;
  /**
   * How much the input picture guides a model that edits by instruction (InstructPix2Pix, arXiv:2211.09800): 1 is off, 1.5 usual, below 1 turns
   * `guidanceScale` off too. The model's own default where absent.
   */
  imageGuidanceScale?: number | undefined;
  /** Stages that go on with the picture, one after the other, each in the recipe; with a `strength` of 0 with `image` as it is. */
  refine?: RefineInput[] | undefined;
}

/** A part of a picture painted anew. */
export interface InpaintInput extends PromptInput, SharedInput, MaskInput {
  /** What is made. */
  task: "inpaint";
  /** The picture to paint in. */
  image: ImageInput;
  /** White where the picture is to be painted anew, black where it is kept. */
  mask: ImageInput;
  /**
   * Paints the part that the mask shows alone, with `maskPadding` around it: cut out, painted at `width` and `height` (the model's own where
   * absent) and put back, so that small things get all of the model's pixels. The picture keeps its size.
   */
  onlyMasked?: boolean | undefined;
  /** How far to move from the image where the mask is white: 0 keeps it, 1 ignores it. */
  strength?: number | undefined;
  /**
   * Whether the picture is kept bit for bit where the mask is black, on every backend. False leaves what the model made of it: the VAE changes
   * every pixel a little.
   */
  keepUnmasked?: boolean | undefined;
  /** Stages that go on with the picture where the mask is white, one after the other, each in the recipe. */
  refine?: RefineInput[] | undefined;
}

/** A picture with more around it. At least one side must grow. */
export interface OutpaintInput extends PromptInput, SharedInput {
  /** What is made. */
  task: "outpaint";
  /** The picture to paint around. */
  image: ImageInput;
  /** What to add at the left. @unit pixels */
  left?: number | undefined;
  /** What to add at the right. @unit pixels */
  right?: number | undefined;
  /** What to add at the top. @unit pixels */
  top?: number | undefined;
  /** What to add at the bottom. @unit pixels */
  bottom?: number | undefined;
  /** Width of the soft edge between old and new. @unit pixels */
  feather?: number | undefined;
  /** How far to move from what lies under the new part: 1 ignores it. */
  strength?: number | undefined;
  /** Whether the old picture is kept bit for bit but for its soft edge, on every backend. */
  keepUnmasked?: boolean | undefined;
  /** Stages that go on with what was added, one after the other, each in the recipe. */
  refine?: RefineInput[] | undefined;
}

/** A larger picture. */
export interface UpscaleInput extends SharedInput {
  /** What is made. */
  task: "upscale";
  /** What the picture shows, for upscalers that take a prompt. */
  prompt?: string | undefined;
  /** What to keep out. */
  negativePrompt?: string | undefined;
  /**
   * How signs in the prompts are read; the backend's own way where absent. `"plain"`: as they stand; one text encoder's length of them, as
   * diffusers. `"a1111"`: as AUTOMATIC1111 reads them: `(word:1.3)`, `(word)`, `[word]`, BREAK, AND, `[from:to:when]`, `[a|b]`. `"comfyui"`: as
   * ComfyUI: `(word:1.3)`, `(word)`. With these two, texts of any length count.
   */
  promptSyntax?: "plain" | "a1111" | "comfyui" | undefined;
  /** The picture to enlarge. */
  image: ImageInput;
  /** Enlargement of each side; where absent, the model's own where it knows but one. */
  scale?: number | undefined;
  /** Draws the enlarged picture anew, by a model that has image-to-image and no way of its own to enlarge; `{}` for the usual settings. */
  redraw?: RedrawInput | undefined;
}

/** A picture by a model that takes no prompt. */
export interface UnconditionalInput extends SharedInput {
  /** What is made. */
  task: "unconditional";
  /** Which of its classes a model that was trained on some draws, from 0 on. */
  classLabel?: number | undefined;
}

/** Each task's input, by its name. */
export interface TaskInputs {
  "text-to-image": TextToImageInput;
  "image-to-image": ImageToImageInput;
  inpaint: InpaintInput;
  outpaint: OutpaintInput;
  upscale: UpscaleInput;
  unconditional: UnconditionalInput;
}

/**
 * A request that names no task. It is told by what it brings: a `mask` is inpainting; an `image` with a border to add outpainting, with a `scale`
 * upscaling, else image-to-image; without a picture it is text-to-image.
 */
export interface UntitledInput extends PromptInput, SharedInput, MaskInput {
  /** What is made. Left out, it is told by the pictures that the request brings. */
  task?: undefined;
  /** The picture to begin with. */
  image?: ImageInput | undefined;
  /** White where the picture is to be painted anew, black where it is kept. */
  mask?: ImageInput | undefined;
  /** A latent to start from, or with `startStep` to go on with. */
  latent?: LatentInput | undefined;
  /** How far to move from the image: 0 keeps it, 1 ignores it. */
  strength?: number | undefined;
  /** How much the input picture guides a model that edits by instruction (InstructPix2Pix, arXiv:2211.09800): 1 is off, 1.5 usual. */
  imageGuidanceScale?: number | undefined;
  /** Whether the picture is kept bit for bit where the mask is black, on every backend. */
  keepUnmasked?: boolean | undefined;
  /** Outpainting: what to add at the left. @unit pixels */
  left?: number | undefined;
  /** Outpainting: what to add at the right. @unit pixels */
  right?: number | undefined;
  /** Outpainting: what to add at the top. @unit pixels */
  top?: number | undefined;
  /** Outpainting: what to add at the bottom. @unit pixels */
  bottom?: number | undefined;
  /** Outpainting: width of the soft edge between old and new. @unit pixels */
  feather?: number | undefined;
  /** Upscaling: enlargement of each side. */
  scale?: number | undefined;
  /** Upscaling: draws the enlarged picture anew in tiles. */
  redraw?: RedrawInput | undefined;
  /** Inpainting: paints the masked part alone, at the model's own size. */
  onlyMasked?: boolean | undefined;
  /** Stages that go on with the picture, one after the other, each in the recipe. */
  refine?: RefineInput[] | undefined;
  /** Text to image: makes a draft of the picture. */
  draft?: DraftInput | undefined;
}

/** What a user writes: a task's input, or one that names no task. */
export type GenerationInput = UntitledInput | TaskInputs[keyof TaskInputs];
