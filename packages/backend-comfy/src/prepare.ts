import type { CallInputs, GenerationRequest } from "@latentkit/core";
import { invalidError } from "./comfy-error.ts";
import { type BuiltGraph, buildGraph } from "./graph/build-graph.ts";
import type { Plan } from "./graph/plan.ts";
import { findModel } from "./plan/find-model.ts";
import { type LocalImage, loadImages } from "./plan/load-images.ts";
import { planRequest } from "./plan/plan-request.ts";
import { requestOptions } from "./plan/request-options.ts";
import { byDefinitions } from "./server/by-definitions.ts";
import { checkGraph } from "./server/check-graph.ts";
import type { ComfyServer } from "./server/comfy-server.ts";

/** A request's graph, checked against the server, and the pictures that it needs there. */
export interface Prepared extends BuiltGraph {
  plan: Plan;
  images: Map<string, LocalImage>;
}

/** Plans, checks and builds: everything that can be wrong is found before anything is sent. */
export async function prepare(
  server: ComfyServer,
  request: GenerationRequest,
  signal: AbortSignal,
  inputs?: CallInputs,
): Promise<Prepared> {
  const { options } = server;
  requestOptions(request);
  const images = await loadImages(request, options.maxUploadBytes, signal, inputs);
  return byDefinitions(server, signal, async (info) => {
    const embeddings = request.embeddings.length > 0 ? await server.embeddings(signal) : [];
    const architecture = await architectureOf(server, request, signal);
    const context = { info, options, images, embeddings, ...(architecture === undefined ? {} : { architecture }) };
    const plan = planRequest(request, context);
    const built = buildGraph(plan);
    const issues = checkGraph(built.graph, info, built.fields);
    if (issues.length > 0) throw invalidError(issues);
    return { ...built, plan, images };
  });
}

/** The architecture that the model's file tells, where its name alone would be guessed from. */
export async function architectureOf(
  server: ComfyServer,
  { model, task }: Pick<GenerationRequest, "model" | "task">,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const { family, checkpoint, model: ownModel } = server.options;
  const name = (task === "upscale" ? undefined : model) ?? checkpoint ?? ownModel;
  if (family !== undefined || name === undefined) return undefined;
  const found = findModel(name, await server.objectInfo(signal));
  if ("issue" in found || !found.name.endsWith(".safetensors")) return undefined;
  const folder = found.kind === "checkpoint" ? "checkpoints" : "diffusion_models";
  return server.architecture(folder, found.name, signal);
}
