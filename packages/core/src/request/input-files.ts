import type { ImageSource } from "./image-source.ts";
import type { GenerationRequest } from "./request.ts";
import type { RefineStage } from "./stage-fields.ts";

type Change = (source: ImageSource, field: string) => ImageSource;

/** The request with another source in the place of each of its input files: pictures, masks and latents, by their fields. */
export function mapInputFiles<R extends Partial<GenerationRequest>>(request: R, change: Change): R {
  const changed: Record<string, unknown> = { ...request };
  for (const field of ["image", "mask", "latent"]) {
    if (changed[field] !== undefined) changed[field] = change(changed[field] as ImageSource, field);
  }
  changed.conditioning = request.conditioning?.map((entry, i) => {
    if (!("image" in entry)) return entry;
    const own = { ...entry, image: change(entry.image, `conditioning[${i}].image`) };
    return own.kind === "image-prompt" && own.mask !== undefined
      ? { ...own, mask: change(own.mask, `conditioning[${i}].mask`) }
      : own;
  });
  if (changed.conditioning === undefined) delete changed.conditioning;
  const { refine } = request as { refine?: readonly RefineStage[] };
  if (refine !== undefined)
    changed.refine = refine.map((stage, i) =>
      stage.mask === undefined ? stage : { ...stage, mask: change(stage.mask, `refine[${i}].mask`) },
    );
  return changed as R;
}

/** Every input file of a request, with its field. */
export function inputFiles(request: Partial<GenerationRequest>): { source: ImageSource; field: string }[] {
  const found: { source: ImageSource; field: string }[] = [];
  mapInputFiles(request, (source, field) => {
    found.push({ source, field });
    return source;
  });
  return found;
}
