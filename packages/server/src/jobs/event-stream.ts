import type { Bytes, GenerationResult, LatentKitError, ShownPreviewEvent } from "@latentkit/core";
import { describeError, describeImage, describeJob, type Telling } from "./describe-job.ts";
import type { LogItem } from "./job-log.ts";
import type { ServedJob } from "./served-job.ts";

/** How pictures stand in a stream of events. */
export interface StreamOptions {
  /** Finished pictures: where they lie (default), as `data:` URLs, as the backend's plain data, or not at all. */
  images: "url" | "dataUrl" | "payload" | "none";
  /** Unfinished ones: as JPEG in `data:` URLs (default), as plain data, or not at all. */
  previews: "dataUrl" | "payload" | "none";
  /** Number of the last event that the reader has seen. */
  after: number;
  heartbeatMs: number;
  /** Called when the reader goes away before the end. */
  onLeave?: () => void;
}

/**
 * A job as server-sent events (WHATWG HTML, section 9.2), from any event on. Nothing is made, and nothing is kept, for a reader that does not
 * read: previews that it missed are dropped.
 */
export function jobEventStream(job: ServedJob, options: StreamOptions, telling: Telling): ReadableStream<Bytes> {
  let { after } = options;
  return new ReadableStream<Bytes>(
    {
      async pull(controller) {
        for (;;) {
          const item = await job.log.after(after, options.heartbeatMs);
          if (item === undefined) return controller.close();
          if (item === "later") return controller.enqueue(encode(": still here\n\n"));
          after = item.id;
          const data = await toldOf(job, item.event, options, telling);
          if (data === undefined) continue;
          return controller.enqueue(
            encode(`id: ${item.id}\nevent: ${item.event.type}\ndata: ${JSON.stringify(data)}\n\n`),
          );
        }
      },
      cancel: () => options.onLeave?.(),
    },
    { highWaterMark: 0 },
  );
}

async function toldOf(job: ServedJob, event: LogItem["event"], options: StreamOptions, telling: Telling) {
  switch (event.type) {
    case "preview": {
      if (options.previews === "none") return undefined;
      const { image, ...rest } = event;
      return { ...rest, image: options.previews === "payload" ? image.payload : await previewUrl(event) };
    }
    case "image": {
      const { image, latent: _, ...rest } = event;
      const told = { ...telling.names.shown(rest), ...describeImage(job, event.index, telling) };
      if (options.images === "payload") return { ...told, image: image.payload };
      return options.images === "dataUrl" ? { ...told, image: await image.dataUrl() } : told;
    }
    // A handle is the server's own: clients have the job's id.
    case "queued":
      return { type: "queued", job: job.id, ...(event.position === undefined ? {} : { position: event.position }) };
    case "started": {
      const { handle: _, ...rest } = event;
      return telling.names.shown(rest);
    }
    case "done":
      return describeJob(job, telling) satisfies Partial<Record<keyof GenerationResult, unknown>>;
    case "error":
      return describeError(event.error as LatentKitError, telling.names);
    default:
      return telling.names.shown(event);
  }
}

const encoded = new WeakMap<object, Promise<string>>();

/** Made once for all who watch. */
function previewUrl(event: ShownPreviewEvent): Promise<string> {
  const known = encoded.get(event) ?? event.image.dataUrl("jpeg", { quality: 70 });
  encoded.set(event, known);
  return known;
}

function encode(text: string): Bytes {
  return new TextEncoder().encode(text);
}
