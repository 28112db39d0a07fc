import { OutOfMemoryError } from "@latentkit/core";

/** A picture's size, and what its sides are multiples of. */
interface Size {
  width: number;
  height: number;
  multipleOf: number;
}

/** An error of a GPU that ran out of memory, with a size that takes a quarter of what this picture's pixels took; any other error as it is. */
export function withFittingSize(error: unknown, { width, height, multipleOf }: Size): unknown {
  if (!OutOfMemoryError.isInstance(error) || error.details.device === undefined) return error;
  const half = (side: number) => Math.max(multipleOf, Math.floor(side / 2 / multipleOf) * multipleOf);
  const fitting = `${half(width)}×${half(height)}`;
  const message = `${error.message} Beside the weights, memory goes with the pixels: ${fitting} takes a quarter of ${width}×${height}.`;
  const { backend, retryable, details } = error;
  return new OutOfMemoryError(message, {
    ...(backend === undefined ? {} : { backend }),
    cause: error,
    retryable,
    details: { ...details, fitting },
  });
}
