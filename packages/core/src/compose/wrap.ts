import type { Backend, CallOptions } from "../backend.ts";
import type { GenerationEvent } from "../events.ts";
import type { GenerationRequest } from "../request/request.ts";

/** What a wrapper does to a job's events, those of one that is resumed too. */
export type Around = (
  run: (request: GenerationRequest) => AsyncIterable<GenerationEvent>,
  request: GenerationRequest,
  options: CallOptions & { resumed: boolean },
) => AsyncIterable<GenerationEvent>;

/** A backend around another one that stands in its place: same id, same capabilities, same handles. */
export function wrapped(inner: Backend, around: Around): Backend {
  const { resume, fetchImage } = inner;
  return {
    id: inner.id,
    parts: [inner],
    modelsAreNames: inner.modelsAreNames === true,
    capabilities: (model, options) => inner.capabilities(model, options),
    generate: (request, options) =>
      around((asked) => inner.generate(asked, options), request, { ...options, resumed: false }),
    ...(resume && {
      resume: (handle, options) =>
        around((request) => resume.call(inner, { ...handle, request }, options), handle.request, {
          ...options,
          resumed: true,
        }),
    }),
    ...(fetchImage && { fetchImage: (image, options) => fetchImage.call(inner, image, options) }),
    dispose: () => inner.dispose(),
  };
}
