import {
  type Backend,
  type CallOptions,
  type ControlEvent,
  encodeImage,
  GenerationError,
  type GenerationEvent,
  type ImageEvent,
  type ImagePayload,
  type LatentPayload,
  type PreviewEvent,
  payloadPixels,
  resizeImage,
  sha256,
} from "@latentkit/core";
import type { ObjectStore } from "./object-store.ts";

/** Where a file lies. */
export interface StoredFile {
  kind: "stored";
  key: string;
  mediaType: string;
  sha256: string;
}

/** An event as it stands in Redis: no pixels, but where they lie. */
export type StoredEvent =
  | Exclude<GenerationEvent, ImageEvent | ControlEvent>
  | (Omit<ImageEvent, "image" | "latent"> & { image: StoredFile; latent?: StoredFile })
  | (Omit<ControlEvent, "image"> & { image: StoredFile });

/** Puts what an event holds into the store. */
export async function storeEvent(
  event: GenerationEvent,
  job: string,
  { store, backend, call }: { store: ObjectStore; backend: Backend; call: CallOptions },
): Promise<StoredEvent> {
  if (event.type !== "image" && event.type !== "control") return event;
  const name = event.type === "image" ? `${event.index}` : event.field.replaceAll(/[^\w]/g, "-");
  const put = async (bytes: Uint8Array, mediaType: string, what: string): Promise<StoredFile> => {
    const hash = sha256(bytes);
    // By its content: an attempt that was given up writes nothing over.
    const key = `${job}/${what}-${hash.slice(0, 16)}`;
    await store.put(key, bytes);
    return { kind: "stored", key, mediaType, sha256: hash };
  };
  const { bytes, mediaType } = await fileOf(event.image, backend, call);
  const image = await put(bytes, mediaType, name);
  if (event.type === "control") return { ...event, image };
  const { latent, ...rest } = event;
  if (latent === undefined) return { ...rest, image };
  const json = Buffer.from(JSON.stringify(latent));
  return { ...rest, image, latent: await put(json, "application/json", `${name}-latent`) };
}

/** An event as it was. @throws GenerationError where its file is there no more, or not whole. */
export async function loadEvent(event: StoredEvent, store: ObjectStore): Promise<GenerationEvent> {
  if (event.type !== "image" && event.type !== "control") return event;
  const image = await load(event.image, store);
  const payload: ImagePayload = { kind: "encoded", mediaType: event.image.mediaType, base64: image.toString("base64") };
  if (event.type === "control") return { ...event, image: payload };
  const { latent, ...rest } = event;
  if (latent === undefined) return { ...rest, image: payload };
  return { ...rest, image: payload, latent: JSON.parse((await load(latent, store)).toString("utf8")) as LatentPayload };
}

/** A preview small enough to be passed on at once; nothing of it is kept. */
export async function smallPreview(
  event: PreviewEvent,
  backend: Backend,
  { signal }: CallOptions,
  mostPixels: number,
): Promise<PreviewEvent> {
  const pixels = await payloadPixels(event.image, backend, signal);
  const shrink = Math.min(1, mostPixels / Math.max(pixels.width, pixels.height));
  const side = (value: number) => Math.max(1, Math.round(value * shrink));
  const small = shrink === 1 ? pixels : await resizeImage(pixels, side(pixels.width), side(pixels.height));
  const bytes = await encodeImage(small, "webp", 85);
  return {
    ...event,
    image: { kind: "encoded", mediaType: "image/webp", base64: Buffer.from(bytes).toString("base64") },
  };
}

/** Pixels are kept as PNG, which loses nothing. */
async function fileOf(
  image: ImagePayload,
  backend: Backend,
  call: CallOptions,
): Promise<{ bytes: Uint8Array; mediaType: string }> {
  if (image.kind === "encoded") return { bytes: Buffer.from(image.base64, "base64"), mediaType: image.mediaType };
  if (image.kind === "url" && backend.fetchImage !== undefined)
    return { bytes: await backend.fetchImage(image, call), mediaType: image.mediaType ?? "image/png" };
  return { bytes: await encodeImage(await payloadPixels(image, backend, call.signal), "png"), mediaType: "image/png" };
}

async function load(file: StoredFile, store: ObjectStore): Promise<Buffer> {
  const bytes = await store.get(file.key);
  if (bytes === undefined || sha256(bytes) !== file.sha256)
    throw new GenerationError(
      "The worker made the picture, and the store does not have it: both sides must have the same store, and it must keep files long enough.",
      { details: { key: file.key } },
    );
  return Buffer.from(bytes);
}
