import type { Backend } from "../backend.ts";
import type { GenerationRequest } from "../request/request.ts";
import { maxSide, minSide } from "../request/shared-fields.ts";
import type { Recipe } from "./recipe.ts";

/** A recipe that tells its picture's size: where its request is silent, the size that the picture has. */
export function withSize(recipe: Recipe, size: { width: number; height: number } | undefined): Recipe {
  const { request } = recipe;
  if (size === undefined || (request.width !== undefined && request.height !== undefined)) return recipe;
  // A second pass makes the picture larger than the request's size.
  const scale = request.hires?.scale ?? 1;
  const [width, height] = [Math.round(size.width / scale), Math.round(size.height / scale)];
  // A request could not ask for these.
  if (Math.min(width, height) < minSide || Math.max(width, height) > maxSide) return recipe;
  const observed: NonNullable<Recipe["observed"]> = {};
  if (request.width === undefined) observed.width = width;
  if (request.height === undefined) observed.height = height;
  return { ...recipe, request: { ...request, ...observed } as GenerationRequest, observed };
}

/** A recipe's request as it is asked of a backend: the one that decided the picture's size itself decides it again. */
export function askedOf({ request, observed, backend: madeBy }: Recipe, backend: Backend): GenerationRequest {
  if (observed === undefined || madeBy !== backend.id) return request;
  const { width, height, ...rest } = request;
  return {
    ...rest,
    ...(width === undefined || width === observed.width ? {} : { width }),
    ...(height === undefined || height === observed.height ? {} : { height }),
  } as GenerationRequest;
}
