import { GenerationError } from "../errors/generation-error.ts";
import { LatentKitError } from "../errors/latentkit-error.ts";
import type { Bytes } from "../image/image-file.ts";
import type { ImageFormat } from "../request/shared-fields.ts";
import type { GenerationResult } from "../result.ts";
import type { Job } from "./job.ts";
import type { JobEvent } from "./shown-image.ts";

/** How a job is told over HTTP. */
export interface EventStreamOptions {
  /**
   * What stands in `image` of a `preview`, `control` and `image` event. `"dataUrl"` (default): a text for `<img src>`, previews as JPEG, pictures in
   * the request's format. `"payload"`: the backend's plain data. `"none"`: nothing.
   */
  images?: "dataUrl" | "payload" | "none" | undefined;
  /** Format of previews given as `data:` URLs. Default `"jpeg"`. */
  previewFormat?: ImageFormat | undefined;
  /** Milliseconds of silence after which a comment keeps the connection open. Default 15000. */
  heartbeatMs?: number | undefined;
  /** Whether a reader that goes away cancels the job. Default true. */
  cancelOnLeave?: boolean | undefined;
}

/** Headers of a response whose body is `job.toEventStream()`: no cache and no proxy may hold it back. */
export const eventStreamHeaders: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

/**
 * Server-sent events (WHATWG HTML, section 9.2): each of the job's events under its type, as JSON; then `done` with the recipe, the seeds,
 * warnings, failures and timings, or `error` with the error. Nothing is made for a reader that does not read: previews that it missed are
 * dropped.
 */
export function eventStream(job: Job, options: EventStreamOptions): ReadableStream<Bytes> {
  const { heartbeatMs = 15_000, cancelOnLeave = true } = options;
  const events = job[Symbol.asyncIterator]();
  let id = 0;
  const message = (type: string, data: unknown) =>
    encode(`id: ${id++}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
  let next: Promise<IteratorResult<JobEvent>> | undefined;
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        try {
          // What was not there in time is still waited for by the next pull.
          next ??= events.next();
          const result = await within(next, heartbeatMs);
          if (result === undefined) return controller.enqueue(encode(": still here\n\n"));
          next = undefined;
          if (!result.done) return controller.enqueue(message(result.value.type, await told(result.value, options)));
          controller.enqueue(message("done", summary(await job.then((ended) => ended))));
        } catch (error) {
          const known = LatentKitError.isInstance(error) ? error : new GenerationError(String(error), { cause: error });
          controller.enqueue(message("error", known.toJSON()));
        }
        controller.close();
      },
      cancel() {
        void events.return();
        if (cancelOnLeave) job.cancel("The reader of the job's events went away.");
      },
    },
    { highWaterMark: 0 },
  );
}

async function told(event: JobEvent, { images = "dataUrl", previewFormat = "jpeg" }: EventStreamOptions) {
  if (event.type !== "preview" && event.type !== "image" && event.type !== "control") return event;
  if (images === "payload") return { ...event, image: event.image.payload };
  const { image, ...rest } = event;
  if (images === "none") return rest;
  return { ...rest, image: await image.dataUrl(event.type === "image" ? undefined : previewFormat) };
}

function summary({ images, recipe, warnings, failures, timings, metrics }: GenerationResult) {
  const made = images.map(({ index, seed, url }) => ({ index, seed, url }));
  return { images: made, recipe, warnings, failures, timings, metrics };
}

/** A promise's value, or undefined when it takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, ms, undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function encode(text: string): Bytes {
  return new TextEncoder().encode(text);
}
