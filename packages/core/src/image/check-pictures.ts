import { open } from "node:fs/promises";
import type { ImageSource } from "../request/image-source.ts";
import { inputFiles } from "../request/input-files.ts";
import type { GenerationRequest } from "../request/request.ts";
import { readImageHeader } from "./image-header.ts";
import { describeOtherKind, imageKindOf } from "./image-kind.ts";
import { checkImage } from "./input-limits.ts";

/** Cameras write a thumbnail before a JPEG's size; more than this they do not. */
const headBytes = 256 * 1024;

/**
 * Holds the headers of a request's pictures against the limits, as far as they are at hand: whatever a backend does with them, and
 * whether or not it decodes them itself.
 *
 * @throws ImageError naming the field, the kind and the limit.
 */
export async function checkPictures(request: GenerationRequest, maxPixels?: number): Promise<void> {
  for (const { field, source } of inputFiles(request)) {
    if (field === "latent") continue;
    const head = await headOf(source);
    if (head === undefined) continue;
    // What is neither decoded here nor dangerous is the backend's to judge: a service may take HEIC.
    const isJudged =
      imageKindOf(head) === undefined ? describeOtherKind(head) === "an SVG file" : readImageHeader(head) !== undefined;
    if (isJudged) checkImage(head, field, maxPixels);
  }
}

async function headOf(source: ImageSource): Promise<Uint8Array | undefined> {
  if ("base64" in source) return Buffer.from(source.base64.slice(0, (headBytes / 3) * 4), "base64");
  if (!("path" in source)) return undefined;
  try {
    await using file = await open(source.path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return buffer.subarray(0, bytesRead);
  } catch {
    // That it cannot be read has been told, or will be.
    return undefined;
  }
}
