import type { WarningEvent } from "@latentkit/core";
import type { FamilyJob } from "../family.ts";

/**
 * How many of a text encoder's last layers are left off for a job's texts, beyond those that its family never uses: in both halves of the
 * guidance as A1111 and ComfyUI have it, for the prompt alone as diffusers does. Of an encoder whose last layer is never used (SD 2, XL)
 * ComfyUI counts that layer too, so that -1 takes it in; A1111 leaves such an encoder as it is.
 */
export function skippedLayers(
  { request, settings, steering }: FamilyJob,
  negative: boolean,
  penultimate: boolean,
): number {
  const { clipSkip } = settings;
  switch (steering.syntax) {
    case "plain":
      return negative ? 0 : clipSkip - 1;
    case "a1111":
      return penultimate ? 0 : clipSkip - 1;
    case "comfyui":
      if (!penultimate) return clipSkip - 1;
      return request.clipSkip === undefined ? 0 : clipSkip - 2;
  }
}

/** Where A1111 leaves the text encoder as it is, whatever it is told. */
export function clipSkipWarnings({ settings, steering }: FamilyJob, penultimate: boolean): readonly WarningEvent[] {
  if (steering.syntax !== "a1111" || !penultimate || settings.clipSkip === 1) return [];
  const message =
    'clipSkip: A1111 does not skip layers of this text encoder, and so promptSyntax "a1111" does not either';
  return [{ type: "warning", code: "unsupported", field: "clipSkip", message }];
}
