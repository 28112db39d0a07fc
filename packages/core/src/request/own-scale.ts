import type { Capabilities } from "../capabilities.ts";
import type { GenerationRequest } from "./request.ts";

/** The model's own enlargement, where the request says none and validation has put the usual one in. */
export function withOwnScale<R extends GenerationRequest>(
  request: R,
  given: Readonly<Record<string, unknown>>,
  { defaults }: Capabilities,
): R {
  if (request.task !== "upscale" || given.scale !== undefined || defaults?.scale === undefined) return request;
  return { ...request, scale: defaults.scale };
}
