import type { ImageSource } from "../request/image-source.ts";
import { inputFiles, mapInputFiles } from "../request/input-files.ts";
import type { GenerationRequest } from "../request/request.ts";
import { hashImageSource } from "./load-image-source.ts";

/**
 * Notes the SHA-256 of each input image and latent that is at hand (files and bytes, not URLs), so that a recipe tells a changed
 * file from the one that made the picture.
 *
 * @throws InvalidRequestError when a file is not there, or is not the one that was noted before.
 */
export async function fingerprintImages(request: GenerationRequest, signal: AbortSignal): Promise<GenerationRequest> {
  const noted = new Map<string, ImageSource>();
  await Promise.all(
    inputFiles(request).map(async ({ source, field }) => {
      if ("url" in source) return;
      noted.set(field, { ...source, sha256: await hashImageSource(source, { field, signal }) });
    }),
  );
  return mapInputFiles(request, (source, field) => noted.get(field) ?? source);
}
