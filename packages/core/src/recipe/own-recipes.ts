import { inputFiles } from "../request/input-files.ts";
import type { GenerationRequest } from "../request/request.ts";
import type { Recipe } from "./recipe.ts";
import type { RecipeTouch } from "./recipe-touches.ts";

const own = new WeakSet<object>();
/** A recipe's request by its `versions`, which a copy by spread shares. */
const requests = new WeakMap<object, GenerationRequest>();

/**
 * Notes a recipe that this process made: its caller named all that is in it. What is known is the objects, not what they say, so that no
 * file can claim to be one; copies by spread keep the objects inside, and with them their standing.
 */
export function markOwn(recipe: Recipe): Recipe {
  const { request, versions } = recipe;
  for (const each of [
    recipe,
    request,
    request.backendOptions,
    ...request.loras,
    ...request.embeddings,
    ...request.conditioning,
    ...(("refine" in request && request.refine) || []),
  ])
    own.add(each);
  for (const { source } of inputFiles(request)) own.add(source);
  requests.set(versions, request);
  return recipe;
}

/** Whether what a recipe, as it was given, names at a field is what a recipe of this process named there. */
export function isOwn({ request, versions }: Recipe, { kind, field, value }: RecipeTouch): boolean {
  if (own.has(request)) return true;
  const known = typeof versions === "object" && versions !== null ? requests.get(versions) : undefined;
  if (kind === "count") return known !== undefined && request.count === known.count;
  if (field === "model") return known?.model !== undefined && known.model === request.model;
  if (field === "hires.upscaler") return known?.hires?.upscaler !== undefined && known.hires.upscaler === value;
  if (field === "redraw.upscaler") return own.has(request);
  if (kind === "backendOptions") return own.has(request.backendOptions);
  const [list, index] = field.split(/[[\]]/);
  const holder = (request as Record<string, unknown>)[list!];
  const object = index === undefined ? holder : (holder as unknown[])[Number(index)];
  return typeof object === "object" && object !== null && own.has(object);
}
