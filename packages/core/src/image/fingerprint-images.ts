import type { ImageSource } from "../request/image-source.ts";
import type { GenerationRequest } from "../request/request.ts";
import { hashImageSource } from "./load-image-source.ts";

/**
 * Notes the SHA-256 of each input image and latent that is at hand (files and bytes, not URLs), so that a recipe tells a changed
 * file from the one that made the picture.
 *
 * @throws InvalidRequestError when a file is not there, or is not the one that was noted before.
 */
export async function fingerprintImages(request: GenerationRequest, signal: AbortSignal): Promise<GenerationRequest> {
  const note = async <T extends object>(holder: T, key: keyof T & string, field: string): Promise<T> => {
    const source = holder[key] as ImageSource | undefined;
    if (source === undefined || "url" in source) return holder;
    const hash = await hashImageSource(source, { field, signal });
    return { ...holder, [key]: { ...source, sha256: hash } };
  };
  const conditioning = await Promise.all(
    request.conditioning.map((entry, i) =>
      entry.kind === "text" ? entry : note(entry, "image", `conditioning[${i}].image`),
    ),
  );
  let noted: GenerationRequest = { ...request, conditioning };
  if ("image" in noted) noted = await note(noted, "image", "image");
  if ("mask" in noted) noted = await note(noted, "mask", "mask");
  if ("latent" in noted) noted = await note(noted, "latent", "latent");
  return noted;
}
