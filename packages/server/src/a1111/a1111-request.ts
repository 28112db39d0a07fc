import { type Capabilities, InvalidRequestError, type Issue, takeLoraTags } from "@latentkit/core";

type Fields = Record<string, unknown>;

/** Settings that a client of A1111's sets for its later calls. */
export interface A1111Options {
  sd_model_checkpoint?: string | undefined;
  CLIP_stop_at_last_layers: number;
  samples_format: "png" | "jpeg" | "webp";
  show_progress_every_n_steps: number;
}

/** What a call of `txt2img` or `img2img` asks for, in our words. */
export interface A1111Request {
  input: Fields;
  /** The client's own name of the job. */
  task?: string | undefined;
  sendsImages: boolean;
  sendsInputs: boolean;
  warnings: string[];
}

/** What the server of a desktop does beside drawing, and what a second pass or a mask says where there is none: nothing of the picture. */
const idle = new Set([
  "save_images",
  "do_not_save_samples",
  "do_not_save_grid",
  "override_settings_restore_afterwards",
  "sampler_index",
  "sampler_name",
  "scheduler",
  "prompt",
  "negative_prompt",
  "seed",
  "steps",
  "cfg_scale",
  "width",
  "height",
  "batch_size",
  "n_iter",
  "subseed",
  "subseed_strength",
  "seed_resize_from_w",
  "seed_resize_from_h",
  "denoising_strength",
  "enable_hr",
  "hr_scale",
  "hr_upscaler",
  "hr_second_pass_steps",
  "hr_resize_x",
  "hr_resize_y",
  "hr_sampler_name",
  "hr_scheduler",
  "hr_prompt",
  "hr_negative_prompt",
  "hr_checkpoint_name",
  "hr_cfg",
  "firstphase_width",
  "firstphase_height",
  "override_settings",
  "send_images",
  "alwayson_scripts",
  "script_name",
  "script_args",
  "styles",
  "eta",
  "s_noise",
  "s_churn",
  "s_tmin",
  "s_tmax",
  "s_min_uncond",
  "force_task_id",
  "init_images",
  "mask",
  "mask_blur",
  "mask_blur_x",
  "mask_blur_y",
  "inpainting_fill",
  "inpaint_full_res",
  "inpaint_full_res_padding",
  "inpainting_mask_invert",
  "resize_mode",
  "image_cfg_scale",
  "initial_noise_multiplier",
  "include_init_images",
  "restore_faces",
  "tiling",
  "infotext",
  "refiner_checkpoint",
  "refiner_switch_at",
  "disable_extra_networks",
  "comments",
  "latent_mask",
  "mask_round",
]);

/** Settings that we cannot honour, and the values that mean "off". */
const off: Readonly<Record<string, readonly unknown[]>> = {
  restore_faces: [false],
  tiling: [false],
  script_name: [""],
  refiner_checkpoint: ["", "None"],
  hr_checkpoint_name: ["", "Use same checkpoint"],
  hr_prompt: [""],
  hr_negative_prompt: [""],
  hr_resize_x: [0],
  hr_resize_y: [0],
  firstphase_width: [0],
  firstphase_height: [0],
  s_churn: [0],
  s_tmin: [0],
  s_min_uncond: [0],
  latent_mask: [],
  infotext: [""],
};

/** Settings that bear on a picture's fill or shape, and how they are here. */
const fixed: Readonly<Record<string, readonly unknown[]>> = {
  inpainting_fill: [1],
  resize_mode: [0],
  initial_noise_multiplier: [1],
};

const knownUpscalers: Readonly<Record<string, string>> = {
  Latent: "bilinear",
  "Latent (nearest)": "nearest",
  "Latent (nearest-exact)": "nearest-exact",
  "Latent (bicubic)": "bicubic",
  Lanczos: "lanczos",
};

/**
 * Reads a body of `txt2img` or `img2img`. What would make another picture and is not understood is refused; what cannot is passed over.
 *
 * @throws InvalidRequestError naming A1111's field.
 */
export function readA1111Request(
  body: unknown,
  kind: "txt2img" | "img2img",
  { options, capabilities }: { options: A1111Options; capabilities: Capabilities },
): A1111Request {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new InvalidRequestError([{ field: "", message: "the body must be an object" }]);
  const given = Object.fromEntries(
    Object.entries(body).filter(([, value]) => value !== null && value !== undefined),
  ) as Fields;
  const { warnings, issues } = judge(given);
  const override = objectOf(given.override_settings);
  for (const key of Object.keys(override))
    if (!["sd_model_checkpoint", "CLIP_stop_at_last_layers", "samples_format"].includes(key))
      warnings.push(`override_settings.${key} is left out`);
  const settings = { ...options, ...override } as A1111Options;
  const has = (feature: string) => (capabilities.features as readonly string[]).includes(feature);
  const { prompt, loras, notes } = takeLoraTags(textOf(given.prompt, "prompt", issues));
  const count = numberOf(given.batch_size, "batch_size", issues, 1) * numberOf(given.n_iter, "n_iter", issues, 1);
  const seed = numberOf(given.seed, "seed", issues, -1);
  const syntaxes = capabilities.promptSyntaxes ?? ["a1111"];
  const input: Fields = {
    prompt,
    ...(given.negative_prompt ? { negativePrompt: given.negative_prompt } : {}),
    ...(has("promptSyntax") && syntaxes.includes("a1111") ? { promptSyntax: "a1111" } : {}),
    ...(settings.sd_model_checkpoint ? { model: modelName(String(settings.sd_model_checkpoint)) } : {}),
    ...(loras.length > 0 ? { loras } : {}),
    ...renamed(given, { width: "width", height: "height", steps: "steps", cfg_scale: "guidanceScale" }),
    ...samplerOf(given),
    ...(count === 1 ? {} : { count }),
    ...(seed < 0 ? {} : { seed }),
    ...noiseOf(given, has("noise")),
    ...(settings.CLIP_stop_at_last_layers > 1 ? { clipSkip: settings.CLIP_stop_at_last_layers } : {}),
    ...(has("previewEvery") && settings.show_progress_every_n_steps > 0
      ? { previewEvery: settings.show_progress_every_n_steps }
      : {}),
    output: { format: settings.samples_format },
    ...(kind === "img2img" ? { ...imagesOf(given, issues), ...maskOf(given, { issues, warnings }) } : hiresOf(given)),
  };
  if (issues.length > 0) throw new InvalidRequestError(issues);
  return {
    input,
    task: typeof given.force_task_id === "string" ? given.force_task_id.slice(0, 200) : undefined,
    sendsImages: given.send_images !== false,
    sendsInputs: given.include_init_images === true,
    warnings: [...warnings, ...notes.map(({ message }) => message)],
  };
}

function judge(given: Fields): { warnings: string[]; issues: Issue[] } {
  const warnings: string[] = [];
  const issues: Issue[] = [];
  for (const [field, value] of Object.entries(given)) {
    if (!idle.has(field)) warnings.push(`${field} is not known here and is left out`);
    if (field in off && !off[field]!.includes(value))
      issues.push({ field, message: "is not done by this server: leave it out" });
    if (field in fixed && !fixed[field]!.includes(value))
      warnings.push(`${field} is ${fixed[field]![0]} here, whatever is asked`);
  }
  if (Array.isArray(given.styles) && given.styles.length > 0)
    issues.push({ field: "styles", message: "this server has none: write them into the prompt" });
  for (const script of Object.keys(objectOf(given.alwayson_scripts)))
    issues.push({
      field: `alwayson_scripts.${script}`,
      message: "this server runs no scripts: the request's own fields do what they can (docs/server.md)",
    });
  return { warnings, issues };
}

function samplerOf({ sampler_name, sampler_index, scheduler }: Fields): Fields {
  const sampler = sampler_name || sampler_index;
  return {
    ...(typeof sampler === "string" && sampler !== "" ? { sampler } : {}),
    // "Automatic" means what the sampler means.
    ...(typeof scheduler === "string" && scheduler !== "" && scheduler.toLowerCase() !== "automatic"
      ? { scheduler }
      : {}),
  };
}

function noiseOf(
  { subseed, subseed_strength, seed_resize_from_w: width, seed_resize_from_h: height, eta, s_noise }: Fields,
  hasNoise: boolean,
): Fields {
  const varies = Number(subseed_strength ?? 0) > 0;
  const resizes = Number(width ?? 0) > 0 && Number(height ?? 0) > 0;
  const samplerOptions = {
    ...(eta === undefined ? {} : { eta }),
    ...(s_noise === undefined || s_noise === 1 ? {} : { s_noise }),
  };
  const options = Object.keys(samplerOptions).length > 0 ? { samplerOptions } : {};
  if (!hasNoise && !varies && !resizes) return options;
  const variation = varies
    ? { subseedStrength: subseed_strength, ...(Number(subseed ?? -1) < 0 ? {} : { subseed }) }
    : {};
  return {
    noise: { convention: "a1111", source: "nv", ...variation, ...(resizes ? { resizeFrom: { width, height } } : {}) },
    ...options,
  };
}

function hiresOf(given: Fields): Fields {
  const { enable_hr, hr_scale, hr_upscaler, hr_second_pass_steps, hr_sampler_name, hr_scheduler } = given;
  if (enable_hr !== true) return {};
  const upscaler = typeof hr_upscaler === "string" ? (knownUpscalers[hr_upscaler] ?? hr_upscaler) : "bilinear";
  const steps = Number(hr_second_pass_steps ?? 0) > 0 ? { steps: hr_second_pass_steps } : {};
  const own = samplerOf({
    sampler_name: hr_sampler_name === "Use same sampler" ? "" : hr_sampler_name,
    scheduler: hr_scheduler === "Use same scheduler" ? "" : hr_scheduler,
  });
  return { hires: { scale: hr_scale ?? 2, strength: given.denoising_strength ?? 0.7, upscaler, ...steps, ...own } };
}

function imagesOf({ init_images, mask, denoising_strength, image_cfg_scale }: Fields, issues: Issue[]): Fields {
  const images = Array.isArray(init_images) ? init_images : [];
  if (images.length !== 1) issues.push({ field: "init_images", message: "must be a list with one picture, as base64" });
  return {
    image: sourceOf(images[0], "init_images[0]", issues),
    strength: denoising_strength ?? 0.75,
    ...(image_cfg_scale === undefined || mask !== undefined ? {} : { imageGuidanceScale: image_cfg_scale }),
  };
}

/** How a mask is taken, with A1111's own defaults: blurred by 4, its part alone painted, with no room around it. Inverting is done to the pixels. */
function maskOf(given: Fields, { issues, warnings }: { issues: Issue[]; warnings: string[] }): Fields {
  if (given.mask === undefined) return {};
  const blurs = ["mask_blur_x", "mask_blur_y"].map((field) => numberOf(given[field], field, issues, 4));
  const maskBlur = numberOf(given.mask_blur, "mask_blur", issues, Math.max(...blurs));
  if (given.mask_blur === undefined && blurs[0] !== blurs[1])
    warnings.push(`mask_blur_x and mask_blur_y are one here: ${maskBlur}`);
  const padding = numberOf(given.inpaint_full_res_padding, "inpaint_full_res_padding", issues, 0);
  const onlyMasked = ![false, 0].includes((given.inpaint_full_res ?? true) as boolean | number);
  return {
    mask: sourceOf(given.mask, "mask", issues),
    maskBlur,
    ...(onlyMasked ? { onlyMasked, maskPadding: padding } : {}),
  };
}

/** Base64, with or without the head of a data URL; an address is held against the server's rules later. */
export function sourceOf(value: unknown, field: string, issues: Issue[]): unknown {
  if (typeof value === "string" && /^https?:/.test(value)) return { url: value };
  const base64 = typeof value === "string" ? value.replace(/^data:[^,]*,/, "").replace(/\s+/g, "") : "";
  if (base64 === "" || !/^[\w+/-]+={0,2}$/.test(base64.slice(0, 100)))
    issues.push({ field, message: "must be a picture's file as base64" });
  return { base64 };
}

function renamed(given: Fields, names: Readonly<Record<string, string>>): Fields {
  return Object.fromEntries(
    Object.entries(names).flatMap(([theirs, ours]) => (given[theirs] === undefined ? [] : [[ours, given[theirs]]])),
  );
}

/** A1111's titles have a hash behind the name. */
function modelName(title: string): string {
  return title.replace(/ \[[0-9a-f]{8,}\]$/, "");
}

function objectOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function textOf(value: unknown, field: string, issues: Issue[]): string {
  if (value === undefined) return "";
  if (typeof value !== "string") issues.push({ field, message: "must be a text" });
  return String(value);
}

function numberOf(value: unknown, field: string, issues: Issue[], usual: number): number {
  if (value === undefined) return usual;
  if (typeof value !== "number" || !Number.isInteger(value)) issues.push({ field, message: "must be a whole number" });
  return Number(value);
}
