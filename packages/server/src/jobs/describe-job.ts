import { LatentKitError, type SerializedError } from "@latentkit/core";
import type { Names } from "../request/names.ts";
import type { ServedJob } from "./served-job.ts";

/** What clients are told with. */
export interface Telling {
  names: Names;
  basePath: string;
}

/** A job as its owner is told of it. */
export function describeJob(job: ServedJob, telling: Telling): Record<string, unknown> {
  const { id, status, createdAt, startedAt, endedAt, result, error } = job;
  const { names } = telling;
  const progress = job.log.last("progress");
  const waiting = startedAt === undefined && endedAt === undefined ? job.log.last("queued") : undefined;
  const time = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());
  return {
    id,
    status,
    createdAt: time(createdAt),
    startedAt: time(startedAt),
    endedAt: time(endedAt),
    position: waiting?.position,
    progress: endedAt === undefined ? progress : undefined,
    events: `${telling.basePath}/v1/jobs/${id}/events`,
    images: job.images.map(({ index }) => describeImage(job, index, telling)),
    ...(result && {
      ...names.shown({ recipe: result.recipe, warnings: result.warnings, failures: result.failures }),
      timings: result.timings,
      metrics: result.metrics,
    }),
    error: error && describeError(error, names),
  };
}

/** Where a picture of a job lies, and what it is. */
export function describeImage(job: ServedJob, index: number, { names, basePath }: Telling): Record<string, unknown> {
  const image = job.images.find((other) => other.index === index);
  return {
    index,
    seed: image?.seed,
    ...image?.knownSize,
    mediaType: image?.mediaType,
    url: `${basePath}/v1/jobs/${job.id}/images/${index}`,
    ...(image?.latent && { latentUrl: `${basePath}/v1/jobs/${job.id}/images/${index}/latent` }),
    recipe: image && names.shown(image.recipe),
  };
}

/** An error as clients see it: without the server's own paths. */
export function describeError(error: LatentKitError, names: Names): SerializedError {
  const known = LatentKitError.isInstance(error) ? error.toJSON() : undefined;
  return names.shown(
    known ?? { name: "Error", code: "generation", message: String(error), retryable: false, details: {} },
  );
}
