import type { Capabilities } from "../capabilities.ts";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import type { GenerationEvent } from "../events.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { GenerationRequest, RequestOf } from "../request/request.ts";

type Draft = RequestOf<"text-to-image"> & { draft: NonNullable<RequestOf<"text-to-image">["draft"]> };

/** Fewest steps of a draft that names none. */
const fewest = 4;
/** Steps where neither the request nor the model says any. */
const usualSteps = 20;
/** Side where neither the request nor the model says one. */
const usualSide = 512;

/** Whether a request asks for a draft. */
export function isDraft(request: GenerationRequest): request is Draft {
  return request.task === "text-to-image" && request.draft !== undefined;
}

/** A draft as the backend is asked for it: in fewer steps, smaller, without a second pass or stages. */
export function draftRequest(request: Draft, { defaults, limits }: Capabilities): RequestOf<"text-to-image"> {
  const { draft, hires: _, refine: __, ...rest } = request;
  const steps = draft.steps ?? Math.max(fewest, Math.round(stepsOf(request, defaults) / 3));
  const side = (name: "width" | "height") => {
    const { multipleOf = 1, min = 1 } = limits[name] ?? {};
    const whole = request[name] ?? defaults?.[name] ?? usualSide;
    return Math.max(min, Math.round((whole * draft.scale) / multipleOf) * multipleOf);
  };
  return { ...rest, steps, ...(draft.scale === 1 ? {} : { width: side("width"), height: side("height") }) };
}

function stepsOf({ steps }: GenerationRequest, defaults: Capabilities["defaults"]): number {
  return steps ?? defaults?.steps ?? usualSteps;
}

/** A draft's events, whose recipe is that of the picture to come, and of its draft. */
export async function* runDraft(
  request: Draft,
  {
    capabilities,
    run,
  }: { capabilities: Capabilities; run(request: GenerationRequest): AsyncIterable<GenerationEvent> },
): AsyncGenerator<GenerationEvent> {
  const asked = draftRequest(request, capabilities);
  const whole = (name: "width" | "height") => request[name] ?? capabilities.defaults?.[name];
  for await (const event of run(asked)) {
    if (event.type !== "started") {
      yield event;
      continue;
    }
    const { width, height, steps, ...resolved } = event.resolved ?? {};
    const sized = request.draft.scale === 1 ? { width, height } : { width: whole("width"), height: whole("height") };
    const own = {
      ...sized,
      steps: stepsOf(request, capabilities.defaults),
      draft: { ...request.draft, steps: steps ?? asked.steps },
    };
    const known = Object.entries(own).filter(([, value]) => value !== undefined);
    yield { ...event, resolved: { ...resolved, ...Object.fromEntries(known) } };
  }
}

/**
 * The request for the picture that a draft stands for: of a draft in fewer steps the same request in all of them; of a smaller one the same
 * draft again, and then a second pass over it at the whole size, in which `strength` says how far it may move from the draft.
 *
 * @throws InvalidRequestError for a recipe that is no draft's.
 */
export function finalRequest({ request }: Recipe, strength = 0.6): GenerationRequest {
  if (!isDraft(request)) {
    const message = "is no draft's: generate with draft first, and give one of its pictures";
    throw new InvalidRequestError([{ field: "draft", message }]);
  }
  const { draft, ...rest } = request;
  if (draft.scale === 1) return rest;
  const { width, height, steps } = rest;
  const hires = { ...rest.hires, scale: 1 / draft.scale, strength, ...(steps === undefined ? {} : { steps }) };
  return {
    ...rest,
    ...(width === undefined ? {} : { width: Math.round(width * draft.scale) }),
    ...(height === undefined ? {} : { height: Math.round(height * draft.scale) }),
    ...(draft.steps === undefined ? {} : { steps: draft.steps }),
    hires,
  };
}
