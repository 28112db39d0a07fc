import type { Capabilities } from "../capabilities.ts";
import { InvalidRequestError } from "../errors/invalid-request-error.ts";
import type { Pixels } from "../image/codec.ts";
import { borderMask, padPixels } from "../image/outpaint-canvas.ts";
import type { GenerationRequest, RequestOf } from "../request/request.ts";
import { asSource } from "./masked-inpaint.ts";

/** An outpaint on a canvas of the client's. */
export interface Canvas {
  /** The inpaint that the backend is asked for: the canvas may be larger on the right and at the bottom, as its multiples want. */
  request: GenerationRequest;
  /** Size of the picture with its new borders. */
  width: number;
  height: number;
}

/**
 * An outpaint as an inpaint: the picture's edges drawn out over the border, and a mask over it.
 *
 * @throws InvalidRequestError when the request's size is not that of the picture with its borders.
 */
export async function asInpaint(
  request: RequestOf<"outpaint">,
  image: Pixels,
  limits: Capabilities["limits"],
): Promise<Canvas> {
  const { left, right, top, bottom, feather, width: _, height: __, ...rest } = request;
  const width = image.width + left + right;
  const height = image.height + top + bottom;
  checkSize(request, width, height);
  const borders = {
    left,
    top,
    right: right + upTo(width, limits.width?.multipleOf),
    bottom: bottom + upTo(height, limits.height?.multipleOf),
  };
  const canvas = padPixels(image, borders);
  const mask = borderMask(image, borders, feather);
  return {
    request: {
      ...rest,
      task: "inpaint",
      image: await asSource(canvas),
      mask: await asSource(mask),
      width: canvas.width,
      height: canvas.height,
    },
    width,
    height,
  };
}

function checkSize({ width, height }: RequestOf<"outpaint">, fullWidth: number, fullHeight: number): void {
  if ((width ?? fullWidth) === fullWidth && (height ?? fullHeight) === fullHeight) return;
  const field = width === undefined || width === fullWidth ? "height" : "width";
  const message = `follows from the image and its new borders (${fullWidth} × ${fullHeight}): leave width and height out`;
  throw new InvalidRequestError([{ field, message }]);
}

/** How much is missing to the next multiple. */
function upTo(side: number, multipleOf = 1): number {
  return (multipleOf - (side % multipleOf)) % multipleOf;
}
