import PQueue from "p-queue";
import { decoderProgram } from "../../decoder-entry.ts";
import { ImageError } from "../../errors/image-error.ts";
import { TimeoutError } from "../../errors/timeout-error.ts";
import type { ImageKind } from "../image-kind.ts";
import { label } from "../input-limits.ts";
import type { Pixels } from "../pixels.ts";
import { resizeImage } from "../resize.ts";
import { type DecoderOptions, decodeWithSharp } from "./decode-with-sharp.ts";
import { type ChooseSize, DecoderLost, DecoderProcess } from "./decoder-process.ts";

/** Pictures above this are decoded one at a time, those below two at a time; the others wait. */
const largePixels = 16_000_000;
/** An idle decoder ends after so long. */
const idleMs = 10_000;

/** One picture to be decoded. */
export interface DecodeTask {
  /** The file, in parts. */
  parts: readonly Uint8Array[];
  kind: ImageKind;
  /** The request's field, for errors. */
  what: string;
  /** What its header says. */
  pixels: number;
  maxPixels: number;
  timeoutMs: number;
  /** Whether transparency is dropped. */
  opaque: boolean;
  choose: ChooseSize;
  signal?: AbortSignal | undefined;
}

const small = new PQueue({ concurrency: 2 });
const large = new PQueue({ concurrency: 1 });
const idle: DecoderProcess[] = [];
let ending: NodeJS.Timeout | undefined;

/**
 * Decodes in a process of its own, which is killed when the deadline passes or the signal aborts; few at a time, whatever the number
 * of callers.
 *
 * @throws ImageError for a file that cannot be decoded, TimeoutError when it takes too long, the signal's reason.
 */
export async function decodeApart(task: DecodeTask): Promise<Pixels> {
  const { signal, pixels } = task;
  signal?.throwIfAborted();
  try {
    return (await (pixels > largePixels ? large : small).add(
      () => decodeNow(task),
      signal === undefined ? {} : { signal },
    ))!;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

async function decodeNow(task: DecodeTask): Promise<Pixels> {
  const { parts, kind, what, maxPixels, timeoutMs, opaque, choose, signal } = task;
  signal?.throwIfAborted();
  const decoder = take();
  let isLate = false;
  const stop = () => decoder?.end();
  const timer = setTimeout(() => {
    isLate = true;
    stop();
  }, timeoutMs);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    return decoder === undefined
      ? await decodeHere(parts, { maxPixels, opaque }, choose)
      : await decoder.decode(parts, { maxPixels, opaque }, choose);
  } catch (cause) {
    signal?.throwIfAborted();
    const details = { field: what, kind };
    if (isLate)
      throw new TimeoutError(`${what}: the ${label(kind)} file could not be decoded within ${timeoutMs} ms.`, {
        details,
        retryable: false,
      });
    const why =
      cause instanceof DecoderLost
        ? "decoding it takes more memory than a picture of its size may"
        : `the ${label(kind)} file cannot be decoded; it is damaged, cut off, or larger than its header says`;
    throw new ImageError(`${what}: ${why}.`, { cause, details });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
    if (decoder?.isUsable) release(decoder);
  }
}

/** A decoder at hand or a new one; undefined where no process can be had, as where a bundler left its program behind. */
function take(): DecoderProcess | undefined {
  clearTimeout(ending);
  for (let known = idle.pop(); known !== undefined; known = idle.pop()) if (known.isUsable) return known;
  try {
    const program = decoderProgram();
    return program === undefined ? undefined : new DecoderProcess(program);
  } catch {
    return undefined;
  }
}

function release(decoder: DecoderProcess): void {
  idle.push(decoder);
  clearTimeout(ending);
  ending = setTimeout(() => {
    for (const each of idle.splice(0)) each.end();
  }, idleMs);
  ending.unref();
}

/** In this process: the limits hold, but a decoder that hangs cannot be ended. */
async function decodeHere(parts: readonly Uint8Array[], options: DecoderOptions, choose: ChooseSize): Promise<Pixels> {
  const pixels = await decodeWithSharp(Buffer.concat(parts), options);
  const wanted = choose(pixels);
  return wanted === undefined ? pixels : resizeImage(pixels, wanted.width, wanted.height);
}
