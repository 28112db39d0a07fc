import { resizeImage } from "@latentkit/core";
import type { EngineJob } from "../../engine/protocol.ts";
import { invalidField } from "../../invalid-field.ts";
import { t2iAdapterConfig } from "../../networks/t2i-adapter/t2i-adapter.ts";
import { tapsOf } from "../interpolation.ts";

type Inputs = EngineJob["inputs"];
interface Size {
  width: number;
  height: number;
}

/** A job's pictures at another size: what steers the first pass steers the second. Latents are the first's alone. */
export async function inputsAt(inputs: Inputs, from: Size, { width, height }: Size): Promise<Inputs> {
  const { latents: _, image, mask, controls, imagePrompts, ...rest } = inputs;
  const flat = (values: Uint8Array) => resizeFlags(values, from, { width, height });
  const made: Inputs = { ...rest };
  if (mask !== undefined && image !== undefined) {
    made.image = await resizeImage(image, width, height);
    made.mask = await resizeImage(mask, width, height);
  }
  if (controls !== undefined) {
    made.controls = await Promise.all(
      controls.map(async (control) => {
        const { source, hidden, pixels, field } = control;
        const factor = source.kind === "t2i-adapter" ? t2iAdapterConfig(source.config).downscale_factor : 1;
        if (width % factor > 0 || height % factor > 0) {
          const message = `makes ${width}×${height} of the picture; ${field}'s T2I-Adapter takes multiples of ${factor}`;
          throw invalidField("hires.scale", message);
        }
        const resized = await resizeImage(pixels, width, height);
        return { ...control, pixels: resized, ...(hidden && { hidden: flat(hidden) }) };
      }),
    );
  }
  if (imagePrompts !== undefined)
    made.imagePrompts = imagePrompts.map((each) => (each.mask ? { ...each, mask: flat(each.mask) } : each));
  return made;
}

function resizeFlags(flags: Uint8Array, from: Size, to: Size): Uint8Array {
  const down = tapsOf(from.height, to.height, "nearest-exact").places;
  const across = tapsOf(from.width, to.width, "nearest-exact").places;
  return Uint8Array.from(
    { length: to.width * to.height },
    (_, i) => flags[down[Math.floor(i / to.width)]! * from.width + across[i % to.width]!]!,
  );
}
