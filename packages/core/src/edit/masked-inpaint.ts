import type { Capabilities } from "../capabilities.ts";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import { encodeImage, type Pixels } from "../image/codec.ts";
import { pasteKept } from "../image/paste-kept.ts";
import { resizeImage } from "../image/resize.ts";
import type { Conditioning } from "../request/conditioning.ts";
import type { ImageSource } from "../request/image-source.ts";
import type { RequestOf } from "../request/request.ts";
import { maskPixels, shapedMask } from "./mask-shape.ts";
import { cutRegion, type Region, regionOf, withContext, withRegion } from "./region.ts";

/** Room around what is painted, in pixels, where a request that paints the masked part alone names none. */
const defaultPadding = 32;

/** An inpaint as the backend is asked for it, and how its pictures become the request's. */
export interface MaskedInpaint {
  request: RequestOf<"inpaint">;
  change(painted: Pixels): Promise<Pixels>;
}

/** Whether a mask is to be changed, or the masked part painted alone: the client's work. */
export function shapesMask({ maskBlur = 0, maskGrow = 0, onlyMasked = false }: RequestOf<"inpaint">): boolean {
  return maskBlur > 0 || maskGrow !== 0 || onlyMasked;
}

/** What {@link maskedInpaint} is given. */
export interface MaskedInpaintOptions {
  image: Pixels;
  mask: Pixels;
  capabilities: Pick<Capabilities, "defaults" | "limits" | "keepsUnmasked">;
  /** Reads another of the request's pictures. */
  read(source: ImageSource, field: string): Promise<Pixels>;
}

/**
 * An inpaint over a mask that is grown and blurred; of the masked part alone, with some room around it, at the size that the request or the
 * model says, where it asks for that.
 *
 * @throws InvalidRequestError where the mask leaves nothing to paint.
 */
export async function maskedInpaint(
  asked: RequestOf<"inpaint">,
  { image, mask, capabilities, read }: MaskedInpaintOptions,
): Promise<MaskedInpaint> {
  const { maskBlur = 0, maskGrow = 0, onlyMasked = false, maskPadding = defaultPadding, ...rest } = asked;
  const flat = await shapedMask(mask, image, { maskBlur, maskGrow });
  const hidden = maskPixels(flat, image.width, image.height);
  const keeps = asked.keepUnmasked;
  if (!onlyMasked) {
    const pastes = keeps && capabilities.keepsUnmasked !== true;
    return {
      request: { ...rest, mask: await asSource(hidden) },
      change: async (painted) => (pastes ? pasteKept(painted, { image, mask: hidden }) : painted),
    };
  }
  const region = regionOf(flat, image);
  if (region === undefined) {
    const message = "is black all over: with onlyMasked there is nothing to paint";
    throw new InvalidRequestError([{ field: "mask", message }]);
  }
  const size = sizeFor(asked, region, maskPadding, capabilities);
  const around = withContext(region, maskPadding, image, size);
  const kept = { image: cutRegion(image, around), mask: cutRegion(hidden, around) };
  const opaque = image.channels === 3 ? image : withoutAlpha(image);
  return {
    request: {
      ...rest,
      ...size,
      image: await asSource(kept.image),
      mask: await asSource(kept.mask),
      conditioning: await cutConditioning(asked.conditioning, around, { image, read }),
    },
    async change(painted) {
      const part = await resizeImage(painted, around.width, around.height);
      return withRegion(opaque, keeps ? await pasteKept(part, kept) : part, around);
    },
  };
}

/** The size that a part is painted at: the request's, the model's own, or the part's own. */
function sizeFor(
  { width, height }: RequestOf<"inpaint">,
  region: Region,
  padding: number,
  { defaults, limits }: MaskedInpaintOptions["capabilities"],
): { width: number; height: number } {
  const own = (side: "width" | "height") => {
    const { min = 1, max = Number.POSITIVE_INFINITY, multipleOf = 1 } = limits[side] ?? {};
    const asIs = Math.min(max, Math.max(min, region[side] + 2 * padding));
    return defaults?.[side] ?? Math.ceil(asIs / multipleOf) * multipleOf;
  };
  return { width: width ?? own("width"), height: height ?? own("height") };
}

/** Pictures that steer place by place are cut as the picture is. */
export async function cutConditioning(
  entries: readonly Conditioning[],
  region: Region,
  { image, read }: Pick<MaskedInpaintOptions, "image" | "read">,
): Promise<Conditioning[]> {
  const cut = async (source: ImageSource, field: string) => {
    const pixels = await read(source, field);
    return asSource(cutRegion(await resizeImage(pixels, image.width, image.height), region));
  };
  return Promise.all(
    entries.map(async (entry, i): Promise<Conditioning> => {
      if (entry.kind === "control") return { ...entry, image: await cut(entry.image, `conditioning[${i}].image`) };
      if (entry.kind !== "image-prompt" || entry.mask === undefined) return entry;
      return { ...entry, mask: await cut(entry.mask, `conditioning[${i}].mask`) };
    }),
  );
}

function withoutAlpha({ width, height, data }: Pixels): Pixels {
  return { width, height, channels: 3, data: data.filter((_, i) => i % 4 !== 3) };
}

/** A picture as the bytes of a file. */
export async function asSource(pixels: Pixels): Promise<{ base64: string }> {
  return { base64: Buffer.from(await encodeImage(pixels, "png")).toString("base64") };
}
