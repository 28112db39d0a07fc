import { GenerationError } from "./errors/generation-error.ts";
import { LatentKitError } from "./errors/latentkit-error.ts";
import type { GenerationEvent, WarningEvent } from "./events.ts";
import { merged } from "./merged.ts";

/** One call to a service, of several that fulfil a request. */
export interface PictureCall {
  /** The pictures of the request that it makes, by their index. */
  indexes: readonly number[];
  /** The seed of its only picture, where it has one. */
  seed?: number | string | undefined;
  /** Its events: `progress`, `preview`, `image` and the like; neither `queued`, `started` nor `completed`. */
  events(): AsyncIterable<GenerationEvent>;
}

/** How calls are run. */
export interface RunCallsOptions {
  backend: string;
  signal: AbortSignal;
  /** Most calls at a time. */
  atOnce: number;
}

/**
 * The events of a request's calls as they come. A call that fails costs its own pictures alone, each with a warning `image_failed`.
 *
 * @throws the first failure, where no picture was made; the signal's reason.
 */
export async function* runCalls(
  calls: readonly PictureCall[],
  { backend, signal, atOnce }: RunCallsOptions,
): AsyncGenerator<GenerationEvent> {
  let made = 0;
  const failures: LatentKitError[] = [];

  async function* guarded({ indexes, seed, events }: PictureCall): AsyncGenerator<GenerationEvent> {
    const left = new Set(indexes);
    try {
      for await (const event of events()) {
        if (event.type === "image") made++;
        if (event.type === "image" || (event.type === "warning" && event.code === "image_failed"))
          left.delete(event.index!);
        yield event;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (calls.length === 1 && made === 0) throw error;
      const known = LatentKitError.isInstance(error)
        ? error
        : new GenerationError(error instanceof Error ? error.message : String(error), { cause: error, backend });
      failures.push(known);
      for (const index of left) yield imageFailed(index, known, seed);
    }
  }

  const sources = calls.map((call) => () => guarded(call));
  yield* merged(sources, atOnce);
  if (made === 0 && failures[0] !== undefined) throw failures[0];
}

/** What tells that one picture of several is missing. */
export function imageFailed(index: number, error: LatentKitError, seed?: number | string): WarningEvent {
  const own = seed === undefined ? {} : { seed };
  return { type: "warning", code: "image_failed", message: error.message, index, ...own, error: error.toJSON() };
}
