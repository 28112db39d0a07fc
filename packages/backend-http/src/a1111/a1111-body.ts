import { type CallOptions, type GenerationRequest, type ImageSource, loadImageSource } from "@latentkit/core";
import type { A1111Lists } from "./a1111-server.ts";

/** The call that a request becomes. */
export interface A1111Call {
  path: "txt2img" | "img2img" | "extra-single-image";
  body: Record<string, unknown>;
}

/** Names of the ways to enlarge a latent. */
const latentUpscalers: Readonly<Record<string, string>> = {
  nearest: "Latent (nearest)",
  bilinear: "Latent",
  "nearest-exact": "Latent (nearest-exact)",
  bicubic: "Latent (bicubic)",
  lanczos: "Lanczos",
};

/** @throws InvalidRequestError for an input that cannot be read. */
export async function callOf(
  request: GenerationRequest,
  task: string,
  lists: A1111Lists,
  { signal, inputs = {} }: CallOptions,
): Promise<A1111Call> {
  const { maxPixels: _, ...rules } = inputs;
  const read = async (source: ImageSource, field: string) => {
    const bytes = await loadImageSource(source, { ...rules, field, signal });
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
  };
  if (request.task === "upscale") {
    const upscaler = lists.upscalers.findLast((name) => name !== "None");
    return {
      path: "extra-single-image",
      body: { image: await read(request.image, "image"), upscaling_resize: request.scale, upscaler_1: upscaler },
    };
  }
  const body = { ...sharedBody(request, lists), force_task_id: task };
  if (request.task === "image-to-image" && request.image !== undefined)
    return {
      path: "img2img",
      body: { ...body, init_images: [await read(request.image, "image")], denoising_strength: request.strength },
    };
  if (request.task !== "inpaint") return { path: "txt2img", body: { ...body, ...hiresOf(request, lists) } };
  const masked = {
    init_images: [await read(request.image, "image")],
    mask: await read(request.mask, "mask"),
    denoising_strength: request.strength,
    // The mask as it is, over the whole picture, beginning with the picture: what our request means.
    mask_blur: 0,
    inpainting_fill: 1,
    inpaint_full_res: false,
  };
  return { path: "img2img", body: { ...body, ...masked } };
}

function sharedBody(request: GenerationRequest, lists: A1111Lists): Record<string, unknown> {
  const { model, width, height, count, seed, steps, guidanceScale, sampler, scheduler, clipSkip, loras } = request;
  const tags = loras.map(({ model: name, strength, textEncoderStrength }) =>
    textEncoderStrength === undefined
      ? ` <lora:${name}:${strength}>`
      : ` <lora:${name}:${textEncoderStrength}:${strength}>`,
  );
  const prompt = "prompt" in request ? (request.prompt ?? "") : "";
  const override = {
    ...(model === undefined ? {} : { sd_model_checkpoint: model }),
    ...(clipSkip === undefined ? {} : { CLIP_stop_at_last_layers: clipSkip }),
  };
  const given = {
    width,
    height,
    steps,
    cfg_scale: guidanceScale,
    seed: seed === undefined ? undefined : Number(seed),
    sampler_name: sampler && (lists.samplers.get(sampler) ?? sampler),
    scheduler: scheduler && (lists.schedulers.get(scheduler) ?? scheduler),
    negative_prompt: "negativePrompt" in request ? request.negativePrompt : undefined,
  };
  return {
    prompt: prompt + tags.join(""),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    batch_size: 1,
    n_iter: count,
    ...(Object.keys(override).length > 0
      ? { override_settings: override, override_settings_restore_afterwards: true }
      : {}),
    send_images: true,
    save_images: false,
  };
}

function hiresOf({ hires }: GenerationRequest, lists: A1111Lists): Record<string, unknown> {
  if (hires === undefined) return {};
  const { scale, strength, steps, upscaler = "bilinear", sampler, scheduler } = hires;
  return {
    enable_hr: true,
    hr_scale: scale,
    denoising_strength: strength,
    hr_upscaler: latentUpscalers[upscaler] ?? upscaler,
    ...(steps === undefined ? {} : { hr_second_pass_steps: steps }),
    ...(sampler === undefined ? {} : { hr_sampler_name: lists.samplers.get(sampler) ?? sampler }),
    ...(scheduler === undefined ? {} : { hr_scheduler: lists.schedulers.get(scheduler) ?? scheduler }),
  };
}
