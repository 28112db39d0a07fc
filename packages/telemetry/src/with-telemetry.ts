import {
  AbortedError,
  type Backend,
  type CallOptions,
  type GenerationEvent,
  type GenerationRequest,
} from "@latentkit/core";
import { context } from "@opentelemetry/api";
import { GenerationSpan } from "./generation-span.ts";

/**
 * A backend whose jobs are spans: each with its steps, under the span that was active when it was ordered, and over those of what the backend itself calls.
 * Without an SDK of OpenTelemetry in the program it does nothing.
 *
 * @example
 * ```ts
 * const client = createClient({ backend: withTelemetry(local()) });
 * ```
 */
export function withTelemetry(backend: Backend): Backend {
  const { id, modelsAreNames, resume, fetchImage } = backend;
  return {
    id,
    ...(modelsAreNames === undefined ? {} : { modelsAreNames }),
    parts: [backend],
    capabilities: (model, options) => backend.capabilities(model, options),
    generate: (request, options) => watched(backend, request, options, () => backend.generate(request, options)),
    ...(resume && {
      resume: (handle, options) => watched(backend, handle.request, options, () => backend.resume!(handle, options)),
    }),
    ...(fetchImage && { fetchImage: (image, options) => backend.fetchImage!(image, options) }),
    dispose: () => backend.dispose(),
  };
}

function watched(
  { id }: Backend,
  request: GenerationRequest,
  { signal }: CallOptions,
  begin: () => AsyncIterable<GenerationEvent>,
): AsyncGenerator<GenerationEvent, void> {
  // That of who orders, not of who reads first.
  const parent = context.active();
  return followed(() => new GenerationSpan(request, { backend: id, parent }), signal, begin);
}

async function* followed(
  open: () => GenerationSpan,
  signal: AbortSignal,
  begin: () => AsyncIterable<GenerationEvent>,
): AsyncGenerator<GenerationEvent, void> {
  const span = open();
  const inside = <T>(work: () => T): T => context.with(span.context, work);
  let events: AsyncIterator<GenerationEvent> | undefined;
  try {
    events = inside(() => begin()[Symbol.asyncIterator]());
    while (true) {
      const next = await inside(() => events!.next());
      if (next.done === true) break;
      span.note(next.value);
      // Nobody may ask for what comes after it.
      if (next.value.type === "completed") span.end();
      yield next.value;
    }
    span.end();
  } catch (error) {
    span.end(error);
    throw error;
  } finally {
    // Its reader went away.
    span.end(new AbortedError(signal.aborted ? "The job was cancelled." : "Nobody reads the job's events any more."));
    await inside(() => events?.return?.());
  }
}
