import { createHash } from "node:crypto";
import type { Backend } from "../backend.ts";
import type { Capabilities } from "../capabilities.ts";
import { ConfigError } from "../errors/config-error.ts";
import type { CompletedEvent, GenerationEvent, ImageEvent, LogEvent, StartedEvent } from "../events.ts";
import { probeImage } from "../image/codec.ts";
import { stableJson } from "../recipe/stable-json.ts";
import { inputFiles } from "../request/input-files.ts";
import type { GenerationRequest } from "../request/request.ts";
import { type CacheStore, sealed, unsealed } from "./cache-store.ts";
import { wrapped } from "./wrap.ts";

/** What is kept of a job. */
interface Entry {
  started: StartedEvent;
  images: ImageEvent[];
  completed: CompletedEvent;
}

/** How a cache is used. */
export interface CacheOptions {
  /** Makes the key of a request; null is not cached. Default: the backend, the model's hash and every field that bears on the pixels. */
  key?: (request: GenerationRequest, capabilities: Capabilities) => string | null | Promise<string | null>;
}

const log = (message: string, level: LogEvent["level"] = "info"): LogEvent => ({ type: "log", level, message });

/**
 * Keeps what a backend made, by everything that decided the pixels, and gives it again without asking it. Equal requests at the same time
 * are made once. What failed in part is not kept; an entry that was cut short is made anew; a request whose inputs are URLs without a hash,
 * or that has no seed, is never taken from the cache.
 *
 * @throws ConfigError when `store` is none.
 */
export function withCache(backend: Backend, store: CacheStore, options: CacheOptions = {}): Backend {
  if (typeof store?.getItem !== "function" || typeof store.setItem !== "function")
    throw new ConfigError("withCache: store must have getItem, setItem and removeItem, as diskStore(folder) has");
  const running = new Map<string, Promise<void>>();

  async function load(key: string): Promise<Entry | "broken" | undefined> {
    const value = await store.getItem(key);
    if (value === undefined || value === null) return undefined;
    const text = typeof value === "string" ? unsealed(value) : undefined;
    if (text !== undefined) return JSON.parse(text) as Entry;
    await store.removeItem(key);
    return "broken";
  }

  return wrapped(backend, async function* cached(run, request, { signal, resumed }) {
    const capabilities = await backend.capabilities(request.model, { signal });
    const key = resumed ? null : await (options.key ?? keyOf)(request, capabilities);
    if (key === null) return yield* run(request);
    while (running.has(key)) {
      await Promise.race([running.get(key), aborted(signal)]);
      signal.throwIfAborted();
    }
    const done = Promise.withResolvers<void>();
    running.set(key, done.promise);
    try {
      const found = await load(key);
      if (found === "broken") yield log(`${backend.id}: a cache entry was cut short, and is made anew`, "warn");
      else if (found !== undefined) return yield* replayed(found, backend.id);
      yield* kept(run(request));
    } finally {
      running.delete(key);
      done.resolve();
    }

    async function* kept(events: AsyncIterable<GenerationEvent>): AsyncGenerator<GenerationEvent> {
      let started: StartedEvent | undefined;
      const images = new Map<number, ImageEvent>();
      for await (const event of events) {
        if (event.type === "started") started = event;
        if (event.type === "image") images.set(event.index, event);
        if (event.type === "completed" && started !== undefined && images.size === request.count) {
          const entry = { started: withoutHandle(started), images: [...images.values()], completed: event };
          const failure = await save(key!, entry);
          if (failure !== undefined) yield log(`${backend.id}: nothing was kept: ${failure}`, "warn");
        }
        yield event;
      }
    }
  });

  /** A full disk must not cost anyone the picture. */
  async function save(key: string, entry: Entry): Promise<string | undefined> {
    try {
      const images = await Promise.all(entry.images.map((event) => brought(event, backend)));
      await store.setItem(key, sealed(JSON.stringify({ ...entry, images })));
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

function keyOf(request: GenerationRequest, { model, backend }: Capabilities): string | null {
  const files = inputFiles(request).map(({ source }) => source);
  if (request.seed === undefined || files.some((source) => "url" in source && source.sha256 === undefined)) return null;
  const { previewEvery: _, output, ...rest } = request;
  const { format, quality, latent } = output;
  const told = stableJson({
    backend,
    model: model?.hash ?? model?.id ?? null,
    ...rest,
    output: { format, quality, latent },
  });
  return createHash("sha256").update(told).digest("hex");
}

/** A picture as bytes of its own: the server's URL would not live as long. */
async function brought(event: ImageEvent, backend: Backend): Promise<ImageEvent> {
  const { image } = event;
  if (image.kind !== "url" || backend.fetchImage === undefined) return event;
  const bytes = await backend.fetchImage(image, { signal: new AbortController().signal });
  const { mediaType } = await probeImage(bytes);
  return { ...event, image: { kind: "encoded", mediaType, base64: Buffer.from(bytes).toString("base64") } };
}

async function* replayed({ started, images, completed }: Entry, id: string): AsyncGenerator<GenerationEvent> {
  yield { type: "queued" };
  yield log(`${id}: taken from the cache`);
  yield started;
  yield* images;
  yield { ...completed, metrics: { cached: true, costUsd: 0 } };
}

function withoutHandle({ handle: _, ...started }: StartedEvent): StartedEvent {
  return started;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
