import type { Bytes, GenerationResult, LatentKitError } from "@latentkit/core";
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
          const message = await messageOf(job, item, options, telling);
          if (message === undefined) continue;
          return controller.enqueue(message);
        }
      },
      cancel: () => options.onLeave?.(),
    },
    { highWaterMark: 0 },
  );
}

const messages = new WeakMap<object, Map<string, Promise<Bytes | undefined>>>();

/** An event as bytes; what comes often is made once for all who read it in the same way. */
function messageOf(
  job: ServedJob,
  item: LogItem,
  options: StreamOptions,
  telling: Telling,
): Promise<Bytes | undefined> {
  const make = async () => {
    const data = await toldOf(job, item.event, options, telling);
    return data && encode(`id: ${item.id}\nevent: ${item.event.type}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  if (item.event.type !== "preview" && item.event.type !== "progress") return make();
  const known = messages.get(item.event) ?? new Map<string, Promise<Bytes | undefined>>();
  messages.set(item.event, known);
  const message = known.get(options.previews) ?? make();
  known.set(options.previews, message);
  return message;
}

async function toldOf(job: ServedJob, event: LogItem["event"], options: StreamOptions, telling: Telling) {
  switch (event.type) {
    case "preview": {
      if (options.previews === "none") return undefined;
      const { image, ...rest } = event;
      const quality = { quality: 70 };
      return { ...rest, image: options.previews === "payload" ? image.payload : await image.dataUrl("jpeg", quality) };
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

function encode(text: string): Bytes {
  return new TextEncoder().encode(text);
}
