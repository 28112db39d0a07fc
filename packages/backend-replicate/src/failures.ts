import { GenerationError, LatentKitError, NotFoundError, type WarningEvent } from "@latentkit/core";
import type { Prediction } from "./api/prediction.ts";
import { backendId } from "./replicate-error.ts";

/** A warning that stands for an error while the job goes on. */
export function warning(code: string, error: LatentKitError): WarningEvent {
  return { type: "warning", code, message: error.message, error: error.toJSON() };
}

/** The error of a prediction that succeeded and has nothing to show. */
export function noPicture({ id, output, data_removed: removed }: Prediction): LatentKitError {
  if (removed)
    return new NotFoundError(
      `Prediction ${id} succeeded, but Replicate has removed its output: it keeps them an hour.`,
      {
        backend: backendId,
        details: { predictionId: id, status: "succeeded" },
      },
    );
  const text = JSON.stringify(output ?? null).slice(0, 200);
  return new GenerationError(`Prediction ${id} succeeded, but its output holds no picture: ${text}`, {
    backend: backendId,
    details: { predictionId: id, status: "succeeded" },
  });
}

/** Any error as one of the family. */
export function toTyped(error: unknown): LatentKitError {
  if (LatentKitError.isInstance(error)) return error;
  return new GenerationError(`Replicate's backend failed: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
    backend: backendId,
  });
}

/** Puts a prediction's id into an error, so that its owner can look it up. */
export function withId(error: unknown, predictionId: string): unknown {
  if (LatentKitError.isInstance(error)) error.details.predictionId ??= predictionId;
  return error;
}
