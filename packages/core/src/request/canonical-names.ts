import type { Capabilities } from "../capabilities.ts";
import { AUTOMATIC } from "../diffusion/sampler-labels.ts";
import { findSampler, findScheduler } from "../diffusion/sampler-names.ts";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import type { GenerationRequest } from "./request.ts";

/**
 * Puts ComfyUI's names in the place of other tools' for sampler and scheduler; "DPM++ 2M Karras" sets both. A name that is not known
 * stays as it is: a backend may know it.
 *
 * @throws InvalidRequestError where the sampler's name says another scheduler than the request does.
 */
export function canonicalNames(input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { sampler: named, scheduler: asked, ...rest } = input;
  const found = typeof named === "string" && !isVariant(named) ? findSampler(named) : undefined;
  const sampler = found?.sampler ?? named;
  const own = typeof asked === "string" ? schedulerOf(asked, sampler) : asked;
  if (found?.scheduler !== undefined && own !== undefined && own !== found.scheduler) {
    const message = `is ${JSON.stringify(asked)}, but sampler ${JSON.stringify(named)} says ${found.scheduler}: leave one of them out`;
    throw new InvalidRequestError([{ field: "scheduler", message, allowed: [found.scheduler] }]);
  }
  const scheduler = own ?? found?.scheduler;
  return {
    ...rest,
    ...(sampler === undefined ? {} : { sampler }),
    ...(scheduler === undefined ? {} : { scheduler }),
  };
}

function schedulerOf(asked: string, sampler: unknown): string | undefined {
  // Without a sampler there is nothing that "Automatic" could go by: the backend chooses.
  if (asked.toLowerCase() === AUTOMATIC) {
    return typeof sampler === "string" ? findScheduler(asked, sampler) : undefined;
  }
  return findScheduler(asked) ?? asked;
}

/** ComfyUI draws these samplers' noise on the device: they are samplers of their own to a backend that has them. */
const isVariant = (name: string): boolean => name.endsWith("_gpu");

/** The plain sampler in place of ComfyUI's `…_gpu`, where the backend has no such variant. */
export function knownVariant<R extends GenerationRequest>(request: R, { samplers }: Capabilities): R {
  const { sampler } = request;
  if (sampler === undefined || samplers === "any" || samplers.includes(sampler) || !isVariant(sampler)) return request;
  return { ...request, sampler: findSampler(sampler)?.sampler ?? sampler };
}
