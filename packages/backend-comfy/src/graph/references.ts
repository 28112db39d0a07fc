import type { GraphBuilder, Link } from "./graph.ts";
import type { Conditions } from "./guides.ts";
import { loadImage } from "./load-image.ts";
import type { Pipeline } from "./model.ts";
import { encode } from "./picture.ts";
import type { Plan } from "./plan.ts";

/** The request's pictures to go by, in order. */
function pictures(g: GraphBuilder, { request, images, ...plan }: Plan): Link[] {
  return request.conditioning.flatMap((entry, at) =>
    entry.kind === "image-prompt"
      ? [loadImage(g, { request, images, ...plan } as Plan, `conditioning[${at}].image`, `reference-${at + 1}-image`)()]
      : [],
  );
}

/** Prompts of families whose text encoder looks at the pictures as well; undefined for the others. */
export function encodeWithPictures(g: GraphBuilder, plan: Plan, { clip, vae }: Pipeline): Conditions | undefined {
  const { family, prompt, negativePrompt } = plan;
  if (family === "qwen-image-2.1") {
    const images = pictures(g, plan);
    const named = Object.fromEntries(images.map((image, i) => [`images.image_${i + 1}`, image]));
    const looked = images.length === 0 ? {} : { vae, ...named };
    const inputs = { clip, prompt, negative_prompt: negativePrompt, resolution: 1024, ...looked };
    const fields = { prompt: "prompt", negative_prompt: "negativePrompt" };
    const encoded = g.add("positive", "TextEncodeQwenImage21", inputs, fields);
    return { positive: encoded(0), negative: encoded(1) };
  }
  if (family !== "qwen-image" || !plan.request.conditioning.some(({ kind }) => kind === "image-prompt"))
    return undefined;
  const images = Object.fromEntries(pictures(g, plan).map((image, i) => [`image${i + 1}`, image]));
  const texts = [
    ["positive", prompt, "prompt"],
    ["negative", negativePrompt, "negativePrompt"],
  ] as const;
  const [positive, negative] = texts.map(([id, text, field]) =>
    g.add(id, "TextEncodeQwenImageEditPlus", { clip, prompt: text, vae, ...images }, { prompt: field })(),
  );
  return { positive: positive!, negative: negative! };
}

/** Puts the pictures beside the texts, as latents: FLUX.2 and FLUX.3. */
export function addReferences(g: GraphBuilder, plan: Plan, pipeline: Pipeline, conditions: Conditions): Conditions {
  const { family } = plan;
  if (family !== "flux2" && family !== "flux3") return conditions;
  const images = pictures(g, plan);
  if (images.length === 0) return conditions;
  if (family === "flux3") {
    const named = Object.fromEntries(images.map((image, i) => [`images.image${i}`, image]));
    const resolution = { resolution: "resize", "resolution.megapixels": 1 };
    const inputs = { ...conditions, vae: pipeline.vae, ...resolution, ...named };
    const referenced = g.add("references", "ReferenceMultiLatent", inputs);
    return { positive: referenced(0), negative: referenced(1) };
  }
  let current = conditions;
  for (const [i, image] of images.entries()) {
    const id = `reference-${i + 1}`;
    const scale = { upscale_method: "nearest-exact", megapixels: 1, resolution_steps: 1 };
    const scaled = g.add(`${id}-scaled`, "ImageScaleToTotalPixels", { image, ...scale })();
    const latent = encode(g, pipeline, scaled, `${id}-latent`);
    const refer = (conditioning: Link, name: string) =>
      g.add(`${id}-${name}`, "ReferenceLatent", { conditioning, latent })();
    current = { positive: refer(current.positive, "positive"), negative: refer(current.negative, "negative") };
  }
  return current;
}
