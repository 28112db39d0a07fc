import type { Backend } from "../backend.ts";
import type { Capabilities } from "../capabilities.ts";
import { checkCapabilities } from "../check-capabilities.ts";
import { ImageError } from "../errors/image-error.ts";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import { UnsupportedError } from "../errors/unsupported-error.ts";
import type { GenerationEvent } from "../events.ts";
import { decodeImage, type Pixels } from "../image/codec.ts";
import { defaultMaxInputPixels } from "../image/input-limits.ts";
import type { CallInputs } from "../image/input-rules.ts";
import { loadImageSource } from "../image/load-image-source.ts";
import { borderMask, cropPixels, padPixels } from "../image/outpaint-canvas.ts";
import { type Kept, pasteKept } from "../image/paste-kept.ts";
import { payloadPixels, toPayload } from "../image/payload-pixels.ts";
import type { ImageSource } from "../request/image-source.ts";
import { type GenerationRequest, type RequestOf, redraws } from "../request/request.ts";
import { maskedInpaint, shapesMask } from "./masked-inpaint.ts";
import { asInpaint } from "./outpaint-as-inpaint.ts";

/** How a request that keeps a part of its picture is run: as the backend is asked, and what is then done to what it makes. */
export interface Edit {
  /** What the backend is given. */
  request: GenerationRequest;
  /** The backend's events as the caller's request would have them. */
  finish(events: AsyncIterable<GenerationEvent>, signal: AbortSignal): AsyncIterable<GenerationEvent>;
}

/** Tasks as a client's backend has them: what can inpaint can outpaint, on a canvas that the client makes. */
export function withOutpaint<C extends Pick<Capabilities, "tasks">>(capabilities: C): C {
  const { tasks } = capabilities;
  if (!tasks.includes("inpaint") || tasks.includes("outpaint")) return capabilities;
  return { ...capabilities, tasks: [...tasks, "outpaint"] };
}

/** What a request is held against: the size of an outpaint that the client makes a canvas for is checked when that is known. */
export function judgedBy(request: GenerationRequest, capabilities: Capabilities): Capabilities {
  const { task } = request;
  const { width: _, height: __, ...limits } = capabilities.limits;
  // Only its tiles are the backend's.
  if (redraws(request)) return { ...capabilities, limits };
  if (task !== "outpaint" || capabilities.tasks.includes("outpaint")) return capabilities;
  return { ...withOutpaint(capabilities), limits };
}

/**
 * Plans a request: an outpaint becomes an inpaint where the backend has no other, and what a mask leaves black is put back where the
 * backend doesn't keep it itself.
 *
 * @throws InvalidRequestError or ImageError when the picture or its mask cannot be read, or grows beyond what is decoded; UnsupportedError
 * when it grows beyond the backend's limits.
 */
export async function planEdit(
  request: GenerationRequest,
  capabilities: Capabilities,
  { backend, signal, inputs = {} }: { backend: Backend; signal: AbortSignal; inputs?: CallInputs | undefined },
): Promise<Edit> {
  const { tasks, keepsUnmasked = false, limits } = capabilities;
  if (request.task !== "inpaint" && request.task !== "outpaint") return { request, finish: (events) => events };
  if (request.task === "inpaint" && shapesMask(request)) {
    const own = { backend, signal, inputs };
    return planMasked(request, capabilities, own);
  }
  const grows = request.task === "outpaint" && !tasks.includes("outpaint");
  const pastes = request.keepUnmasked && !keepsUnmasked;
  if (!grows && !pastes) return { request, finish: (events) => events };
  const image = await read(request.image, "image", request, signal, inputs);
  if (request.task === "outpaint") checkCanvas(request, image, grows ? capabilities : undefined, inputs.maxPixels);
  const canvas = grows ? await asInpaint(request as RequestOf<"outpaint">, image, limits) : undefined;
  const kept = pastes ? await keptOf(request, image, signal, inputs) : undefined;
  const change = async (pixels: Pixels): Promise<Pixels> => {
    const whole = canvas === undefined ? pixels : cropTo(pixels, canvas.request, canvas);
    return kept === undefined ? whole : pasteKept(whole, kept);
  };
  return {
    request: canvas?.request ?? request,
    finish: (events, ofJob) =>
      finished(events, {
        change,
        backend,
        signal: ofJob,
        ...(canvas && { previews: true, own: ["image", "mask", "task"], size: canvas }),
      }),
  };
}

/** An inpaint whose mask the client changes, or whose masked part alone is painted. */
async function planMasked(
  request: RequestOf<"inpaint">,
  capabilities: Capabilities,
  { backend, signal, inputs }: { backend: Backend; signal: AbortSignal; inputs: CallInputs },
): Promise<Edit> {
  const bare = { keepUnmasked: false };
  const [image, mask] = await Promise.all([
    read(request.image, "image", bare, signal, inputs),
    read(request.mask, "mask", bare, signal, inputs),
  ]);
  const planned = await maskedInpaint(request, {
    image,
    mask,
    capabilities,
    read: (source, field) => read(source, field, bare, signal, inputs),
  });
  const rest = { backend, previews: request.onlyMasked === true, own: ["image", "mask", "conditioning"] };
  return {
    request: planned.request,
    finish: (events, ofJob) => finished(events, { ...rest, change: planned.change, signal: ofJob }),
  };
}

/** A picture that grows is held against the limits before there is any of it. */
function checkCanvas(
  request: RequestOf<"outpaint">,
  { width, height }: Pixels,
  capabilities: Capabilities | undefined,
  maxPixels = defaultMaxInputPixels,
): void {
  const size = { width: width + request.left + request.right, height: height + request.top + request.bottom };
  if (capabilities !== undefined) {
    const { left: _, right: __, top: ___, bottom: ____, feather: _____, ...rest } = request;
    const asked = { ...rest, task: "inpaint", mask: request.image, ...size } as RequestOf<"inpaint">;
    const above = (field: "width" | "height") => size[field] > (capabilities.limits[field]?.max ?? Infinity);
    const issues = checkCapabilities(asked, capabilities).filter(
      ({ field }) => (field === "width" || field === "height") && above(field),
    );
    if (issues.length > 0) throw new UnsupportedError(issues, { backend: capabilities.backend });
  }
  if (size.width * size.height <= maxPixels) return;
  const field = (["left", "right", "top", "bottom"] as const).reduce((a, b) => (request[b] > request[a] ? b : a));
  const message = `makes the picture ${size.width}×${size.height}; at most ${maxPixels} pixels are taken (the client's maxInputPixels)`;
  throw new InvalidRequestError([{ field, message }]);
}

interface Finish {
  change(pixels: Pixels): Promise<Pixels>;
  backend: Backend;
  signal: AbortSignal;
  /** Whether what is not finished is changed as well: where it is of another size or place. */
  previews?: boolean | undefined;
  /** Fields of the backend's request that are not the caller's. */
  own?: readonly string[] | undefined;
  /** The picture's size, where that is not the backend's. */
  size?: { width: number; height: number } | undefined;
}

async function* finished(
  events: AsyncIterable<GenerationEvent>,
  { change, backend, signal, previews = false, own = [], size }: Finish,
): AsyncGenerator<GenerationEvent> {
  for await (const event of events) {
    if (event.type !== "image" && "resolved" in event && event.resolved !== undefined && own.length > 0) {
      const kept = Object.entries(event.resolved).filter(([field]) => !own.includes(field));
      const sized = event.type === "started" && size ? { width: size.width, height: size.height } : {};
      yield { ...event, resolved: { ...Object.fromEntries(kept), ...sized } };
      continue;
    }
    if (event.type !== "image" && (event.type !== "preview" || !previews)) {
      yield event;
      continue;
    }
    try {
      const pixels = await change(await payloadPixels(event.image, backend, signal));
      yield { ...event, image: toPayload(pixels) };
    } catch (error) {
      signal.throwIfAborted();
      yield event;
      if (event.type !== "image") continue;
      const why = error instanceof Error ? error.message : String(error);
      const message = `Picture ${event.index} is as the backend made it: what the mask keeps could not be put back (${why})`;
      yield { type: "warning", code: "unmasked_not_kept", field: "keepUnmasked", message };
    }
  }
}

async function keptOf(
  request: RequestOf<"inpaint"> | RequestOf<"outpaint">,
  image: Pixels,
  signal: AbortSignal,
  inputs: CallInputs,
): Promise<Kept> {
  if (request.task === "inpaint") return { image, mask: await read(request.mask, "mask", request, signal, inputs) };
  const mask = borderMask(image, request, request.feather);
  return { image: padPixels(image, request), mask };
}

/** The old picture and its new border, without what the model's multiples made it larger; a second pass may have enlarged it. */
function cropTo(
  pixels: Pixels,
  padded: GenerationRequest,
  { width, height }: { width: number; height: number },
): Pixels {
  const across = Math.round((pixels.width * width) / padded.width!);
  const down = Math.round((pixels.height * height) / padded.height!);
  return across === pixels.width && down === pixels.height ? pixels : cropPixels(pixels, across, down);
}

async function read(
  source: ImageSource,
  field: string,
  { keepUnmasked }: { keepUnmasked: boolean },
  signal: AbortSignal,
  inputs: CallInputs,
): Promise<Pixels> {
  const { maxPixels, timeoutMs } = inputs;
  try {
    const bytes = await loadImageSource(source, { ...inputs, field, signal });
    return await decodeImage(bytes, field, { maxPixels, timeoutMs, signal });
  } catch (cause) {
    if (!ImageError.isInstance(cause) || !keepUnmasked) throw cause;
    const hint = "keepUnmasked needs it here; false leaves it to the backend alone.";
    const { details, retryable } = cause;
    throw new ImageError(`${cause.message} (${hint})`, { cause, details, retryable });
  }
}
