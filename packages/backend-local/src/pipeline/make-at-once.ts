import type { LoadedModel } from "../engine/loaded-model.ts";
import type { EngineEvent, EngineJob } from "../engine/protocol.ts";
import type { PictureEngine } from "../families/family.ts";
import { familyJob } from "./family-job.ts";
import { JobClock } from "./job-clock.ts";
import { reporting } from "./reporting.ts";
import { resolved } from "./settings.ts";

/** Makes a job's picture with a family that samples nothing. */
export async function* makeAtOnce(
  { request, inputs }: Pick<EngineJob, "request" | "inputs">,
  model: LoadedModel,
  family: PictureEngine,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent> {
  const job = familyJob(request, model.model, inputs);
  const clock = new JobClock(1);
  const names = family.needs(job, model.model);
  await clock.time("load", () => model.check(names));
  const versions = { "onnxruntime-node": model.runtime.version };
  const { identity, traits } = model.model;
  yield { type: "started", resolved: resolved(job.settings, traits), model: identity, versions };
  if ("prompt" in request && request.prompt) yield promptUnused;
  const runMsBefore = await model.runMs();
  yield clock.phase("load", 0, names.length);
  await clock.time("load", () => model.load(names, signal));
  yield clock.phase("load", names.length, names.length);
  const from = performance.now();
  const working = reporting((onProgress) => family.picture(model, job, signal, onProgress));
  let next = await working.next();
  for (; !next.done; next = await working.next()) yield clock.whole("decode", 0, ...next.value);
  clock.add("decode", performance.now() - from);
  yield { type: "image", index: 0, pixels: next.value };
  yield clock.whole("decode", 0, 1, 1);
  yield { type: "completed", timings: { ...clock.timings, engineRunMs: (await model.runMs()) - runMsBefore } };
}

const promptUnused: EngineEvent = {
  type: "warning",
  code: "prompt_unused",
  field: "prompt",
  message: "prompt: an upscaling network takes none; it has no effect",
};
