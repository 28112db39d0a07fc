import { inputFiles } from "../request/input-files.ts";
import type { GenerationRequest } from "../request/request.ts";

/** What running a recipe would reach beyond its own words and numbers. */
export interface RecipeTouch {
  kind: "path" | "url" | "model" | "backendOptions" | "count";
  /** The request's field. */
  field: string;
  /** What the recipe says there, cut to a readable length. */
  value: string;
}

/** How latents are enlarged without a model. */
const interpolations = ["nearest", "nearest-exact", "bilinear", "bicubic", "lanczos"];
/** So many pictures are nobody's bill. */
export const maxRecipeCount = 4;

/**
 * Everything that a request would reach beyond its own words and numbers: files of this machine, addresses, models, a backend's own
 * options (webhooks are among them), and more than four pictures.
 */
export function recipeTouches(request: GenerationRequest): RecipeTouch[] {
  const touches: RecipeTouch[] = [];
  const touch = (kind: RecipeTouch["kind"], field: string, value: string) =>
    touches.push({ kind, field, value: value.length > 120 ? `${value.slice(0, 120)}…` : value });
  for (const { field, source } of inputFiles(request)) {
    if ("path" in source) touch("path", field, source.path);
    if ("url" in source) touch("url", field, source.url);
  }
  for (const [field, name] of modelsOf(request)) touch("model", field, name);
  for (const [id, options] of Object.entries(request.backendOptions)) {
    if (Object.keys(options).length > 0) touch("backendOptions", `backendOptions.${id}`, JSON.stringify(options));
  }
  if (request.count > maxRecipeCount) touch("count", "count", String(request.count));
  return touches;
}

function* modelsOf(request: GenerationRequest): Generator<[string, string]> {
  const { model, loras, embeddings, conditioning, hires } = request;
  if (model !== undefined) yield ["model", model];
  for (const [i, lora] of loras.entries()) yield [`loras[${i}].model`, lora.model];
  for (const [i, embedding] of embeddings.entries()) yield [`embeddings[${i}].model`, embedding.model];
  for (const [i, entry] of conditioning.entries()) {
    for (const field of ["model", "preprocessor", "imageEncoder"]) {
      const named = (entry as Record<string, unknown>)[field];
      if (typeof named === "string") yield [`conditioning[${i}].${field}`, named];
    }
  }
  if (hires?.upscaler !== undefined && !interpolations.includes(hires.upscaler))
    yield ["hires.upscaler", hires.upscaler];
  const redraw = "redraw" in request ? request.redraw : undefined;
  if (redraw?.upscaler !== undefined) yield ["redraw.upscaler", redraw.upscaler];
}
