import { formatParameters } from "@latentkit/core";
import type { ServedJob } from "../jobs/served-job.ts";
import type { Names } from "../request/names.ts";
import type { A1111Request } from "./a1111-request.ts";

/** A job's result as `txt2img` answers it: `info` is JSON in a text. */
export async function a1111Result(job: ServedJob, asked: A1111Request, body: object, names: Names): Promise<object> {
  const format = asked.input.output as { format: "png" | "jpeg" | "webp" };
  const images = asked.sendsImages
    ? await Promise.all(
        job.images.map(async (image) => Buffer.from(await image.bytes(format.format)).toString("base64")),
      )
    : [];
  return { images, parameters: parametersOf(body, asked), info: JSON.stringify(infoOf(job, asked, names)) };
}

/** The body again, without its pictures unless they are wanted. */
function parametersOf(body: object, { sendsInputs }: A1111Request): object {
  return sendsInputs ? body : { ...body, init_images: null, mask: null };
}

function infoOf(job: ServedJob, { warnings }: A1111Request, names: Names): object {
  const recipes = job.images.map((image) => names.shown(image.recipe));
  const recipe = recipes[0];
  const request = recipe?.request ?? job.request;
  const prompt = "prompt" in request ? (request.prompt ?? "") : "";
  const negative = "negativePrompt" in request ? (request.negativePrompt ?? "") : "";
  const seeds = job.images.map(({ seed }) => Number(seed ?? -1));
  const subseed = Number(request.noise?.subseed ?? -1);
  return {
    prompt,
    all_prompts: seeds.map(() => prompt),
    negative_prompt: negative,
    all_negative_prompts: seeds.map(() => negative),
    seed: seeds[0] ?? -1,
    all_seeds: seeds,
    subseed,
    all_subseeds: seeds.map(() => subseed),
    subseed_strength: request.noise?.subseedStrength ?? 0,
    width: request.width ?? 0,
    height: request.height ?? 0,
    sampler_name: request.sampler ?? "",
    cfg_scale: request.guidanceScale ?? 0,
    steps: request.steps ?? 0,
    batch_size: 1,
    restore_faces: false,
    face_restoration_model: null,
    sd_model_name: recipe?.model?.id ?? "",
    sd_model_hash: recipe?.model?.hash?.replace(/^sha256:/, "").slice(0, 10) ?? "",
    seed_resize_from_w: request.noise?.resizeFrom?.width ?? -1,
    seed_resize_from_h: request.noise?.resizeFrom?.height ?? -1,
    denoising_strength: "strength" in request ? request.strength : (request.hires?.strength ?? null),
    extra_generation_params: {},
    index_of_first_image: 0,
    infotexts: recipes.map((each) => formatParameters(each)),
    styles: [],
    job_timestamp: stamp(job.createdAt),
    clip_skip: request.clipSkip ?? 1,
    is_using_inpainting_conditioning: false,
    version: "LatentKit",
    latentkit: {
      job: job.id,
      interrupted: job.status === "cancelled",
      warnings,
      recipe,
      failures: names.shown(job.result?.failures ?? []),
    },
  };
}

/** As A1111 writes times: 20261127235959. */
export function stamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\D/g, "").slice(0, 14);
}
