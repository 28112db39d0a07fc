import { openAsBlob } from "node:fs";
import { InvalidRequestError, NotFoundError, type WarningEvent } from "@latentkit/core";
import * as z from "zod";
import { ModelSchema } from "../api/model.ts";
import { type Prediction, PredictionSchema } from "../api/prediction.ts";
import { type Training, type TrainingCreateSchema, TrainingSchema } from "../api/training.ts";
import type { Uploads } from "../files/uploads.ts";
import { imagesOfFolder, zipImages } from "../files/zip-images.ts";
import { followPrediction } from "../follow/follow-prediction.ts";
import type { PollPacer } from "../follow/poll-pacer.ts";
import type { ReplicateHttp } from "../http/replicate-http.ts";
import { isLost } from "../http/retry.ts";
import { sumMetrics } from "../metrics.ts";
import { readModelSchema } from "../model/input-schema.ts";
import { parseModelRef } from "../model/model-ref.ts";
import { backendId, errorOfPrediction } from "../replicate-error.ts";
import { PredictionReader } from "../replicate-events.ts";
import { mapTraining } from "./map-training.ts";
import type { TrainingEvent, TrainingHandle, TrainingResult } from "./training-job.ts";
import { type ParsedTrainingOptions, parseTrainingOptions } from "./training-options.ts";

/** What trainings need of their backend. */
export interface TrainingContext {
  http: ReplicateHttp;
  uploads: Uploads;
  pacer: PollPacer;
  maxUploadBytes: number;
}

type Run = AsyncGenerator<TrainingEvent, TrainingResult>;

/** Trains: checks the options against the trainer, makes the destination, uploads the pictures, follows the training. */
export async function* train(given: unknown, context: TrainingContext, signal: AbortSignal): Run {
  const options = parseTrainingOptions(given);
  const trainer = await loadTrainer(options.trainer, context.http, signal);
  const { input, place } = mapTraining(options, trainer.schema);
  await makeDestination(options, context.http, signal);
  const files: string[] = [];
  const url = options.imagesUrl ?? (await uploadImages(options, context, files, signal));
  const body: z.input<typeof TrainingCreateSchema> = {
    destination: options.destination,
    input: url === undefined || place === undefined ? input : { ...input, [place]: url },
    ...(options.webhook === undefined ? {} : { webhook: options.webhook }),
    ...(options.webhookEvents === undefined ? {} : { webhook_events_filter: options.webhookEvents }),
  };
  const path = `/models/${trainer.owner}/${trainer.name}/versions/${trainer.version}/trainings`;
  const call = { method: "POST", path, body, schema: TrainingSchema, budget: "create", signal } as const;
  // A training that may run on needs its pictures: they are removed only once it surely does not.
  const over = { surely: true };
  try {
    const training = await context.http.call(call);
    return yield* follow(training, options.destination, context, signal, over);
  } catch (error) {
    if (isLost(error)) over.surely = false;
    throw error;
  } finally {
    if (over.surely) await context.uploads.remove(files);
  }
}

/** Goes on with a training that was begun before, here or elsewhere. */
export async function* resumeTraining(handle: TrainingHandle, context: TrainingContext, signal: AbortSignal): Run {
  if (handle?.latentkit !== "training" || typeof handle.trainingId !== "string")
    throw new NotFoundError("This is not a handle of a training.", { backend: backendId });
  const training = await getTraining(handle.trainingId, context.http, signal);
  return yield* follow(training, handle.destination, context, signal);
}

async function* follow(
  first: Training,
  destination: string,
  context: TrainingContext,
  signal: AbortSignal,
  over = { surely: false },
): Run {
  const { id } = first;
  over.surely = false;
  const handle: TrainingHandle = { latentkit: "training", trainingId: id, destination };
  yield { type: "queued", handle: { ...handle } };
  const reader = new PredictionReader({
    index: 0,
    several: false,
    previews: false,
    previewEvery: 0,
    nextIndex: () => 0,
  });
  let started = false;
  let last = first;
  const get = async (_id: string, inner: AbortSignal): Promise<Prediction> => {
    last = await getTraining(id, context.http, inner);
    return asPrediction(last);
  };
  try {
    for await (const news of followPrediction(asPrediction(first), { get, pacer: context.pacer, signal })) {
      if (news.kind !== "state") continue;
      const events = reader.read(news.prediction);
      if (reader.begun && !started) {
        started = true;
        yield { type: "started", handle: { ...handle } };
      }
      for (const event of events) if (event.type === "log" || event.type === "progress") yield event;
    }
  } catch (error) {
    if (signal.aborted) {
      const failed = await cancelTraining(id, context.http);
      over.surely = failed === undefined;
      if (failed !== undefined) yield failed;
    }
    throw error;
  }
  over.surely = true;
  if (last.status !== "succeeded") throw errorOfPrediction(asPrediction(last), "training");
  const { metrics, timings } = sumMetrics([asPrediction(last)]);
  yield { type: "completed", metrics, timings };
  return { trainingId: id, model: modelOf(last, destination), weights: last.output?.weights ?? undefined, metrics };
}

/** Its output is no picture: a training tells its model at the end. */
function asPrediction(training: Training): Prediction {
  return PredictionSchema.parse({ ...training, output: null });
}

function modelOf({ output, id }: Training, destination: string): string {
  const version = output?.version;
  if (version == null || version === "")
    throw new NotFoundError(`Training ${id} succeeded, but names no version.`, {
      backend: backendId,
      details: { trainingId: id },
    });
  return version.includes("/") ? version : `${destination}:${version}`;
}

function getTraining(id: string, http: ReplicateHttp, signal: AbortSignal): Promise<Training> {
  return http.call({ method: "GET", path: `/trainings/${encodeURIComponent(id)}`, schema: TrainingSchema, signal });
}

/** @returns the warning to tell where it may run on. */
async function cancelTraining(id: string, http: ReplicateHttp): Promise<WarningEvent | undefined> {
  const path = `/trainings/${encodeURIComponent(id)}/cancel`;
  try {
    await http.call({ method: "POST", path, schema: z.unknown(), priority: 1 });
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      type: "warning",
      code: "cancel_failed",
      message: `Training ${id} could not be cancelled and may run on: ${why}`,
    };
  }
}

async function loadTrainer(trainer: string, http: ReplicateHttp, signal: AbortSignal) {
  const ref = parseModelRef(trainer);
  if (ref.kind === "deployment")
    throw new InvalidRequestError([{ field: "trainer", message: "a deployment does not train: name a model" }]);
  const { owner, name } = ref;
  const model = await http.call({ method: "GET", path: `/models/${owner}/${name}`, schema: ModelSchema, signal });
  const wanted = ref.kind === "version" ? ref.version : model.latest_version?.id;
  if (wanted === undefined)
    throw new InvalidRequestError([{ field: "trainer", message: `${trainer} has no version that can train` }]);
  const path = `/models/${owner}/${name}/versions/${wanted}`;
  const version =
    model.latest_version?.id === wanted
      ? model.latest_version
      : await http.call({
          method: "GET",
          path,
          schema: z.looseObject({ openapi_schema: z.unknown().optional() }),
          signal,
        });
  return { owner, name, version: wanted, schema: readModelSchema(version.openapi_schema, trainer, "TrainingInput") };
}

async function makeDestination(
  options: ParsedTrainingOptions,
  http: ReplicateHttp,
  signal: AbortSignal,
): Promise<void> {
  const { create, destination } = options;
  if (create === undefined) return;
  const [owner = "", name = ""] = destination.split("/");
  const known = await http
    .call({ method: "GET", path: `/models/${destination}`, schema: ModelSchema, signal })
    .catch((error: unknown) => {
      if (NotFoundError.isInstance(error)) return undefined;
      throw error;
    });
  if (known !== undefined) return;
  await http.call({
    method: "POST",
    path: "/models",
    body: { owner, name, ...create },
    schema: ModelSchema,
    idempotent: false,
    signal,
  });
}

async function uploadImages(
  { images }: ParsedTrainingOptions,
  { uploads, maxUploadBytes }: TrainingContext,
  files: string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  if (images === undefined) return undefined;
  const list = typeof images === "string" ? await imagesOfFolder(images) : images;
  await using zip = await zipImages(list as Parameters<typeof zipImages>[0], signal);
  if (zip.bytes > maxUploadBytes)
    throw new InvalidRequestError([
      {
        field: "images",
        message: `the pictures have ${zip.bytes} bytes in all; at most ${maxUploadBytes} are taken`,
        allowed: { max: maxUploadBytes },
      },
    ]);
  const { id, url } = await uploads.upload(
    await openAsBlob(zip.path, { type: "application/zip" }),
    "images.zip",
    signal,
  );
  files.push(id);
  return url;
}
