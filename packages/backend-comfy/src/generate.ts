import type { CallInputs, GenerationEvent, GenerationRequest } from "@latentkit/core";
import { finish } from "./finish.ts";
import type { Plan } from "./graph/plan.ts";
import { requestOptions } from "./plan/request-options.ts";
import { prepare } from "./prepare.ts";
import { resolvedBy } from "./resolved-settings.ts";
import type { PromptJob } from "./run/run-prompt.ts";
import type { ComfyServer } from "./server/comfy-server.ts";

/** Runs a request on one server. */
export async function* generateOn(
  server: ComfyServer,
  request: GenerationRequest,
  signal: AbortSignal,
  inputs?: CallInputs,
): AsyncGenerator<GenerationEvent> {
  const { plan, outputs, graph, fields, images } = await prepare(server, request, signal, inputs);
  const { delivery, model } = plan;
  const job: PromptJob = { graph, fields, images: [...images.values()], ...extrasOf(server, request) };
  const known = {
    resolved: resolvedBy(plan),
    ...(model === undefined ? {} : { model: { id: model.name } }),
    ...sizeOf(plan),
  };
  yield* finish(server, { job, request, outputs, delivery, ...known }, signal);
}

/** The size of pictures that grow from one that was given: no request of their task says it. */
function sizeOf({ width, height, request: { task, hires } }: Plan): { size?: { width: number; height: number } } {
  if (task !== "outpaint" && task !== "upscale") return {};
  const { scale = 1 } = hires ?? {};
  return { size: { width: Math.round(width * scale), height: Math.round(height * scale) } };
}

/** What goes with a request's prompt beside its graph. */
export function extrasOf(server: ComfyServer, request: GenerationRequest): Pick<PromptJob, "extraData" | "front"> {
  const { previewMethod, front } = requestOptions(request);
  return { extraData: extraData(server, request.previewEvery, previewMethod), front };
}

/** What the server is to know with every prompt: how to make previews, and the key for nodes that call paid services. */
export function extraData(
  { options }: ComfyServer,
  previewEvery: number,
  previewMethod: string = options.previewMethod,
): Record<string, unknown> {
  const { comfyOrgApiKey } = options;
  const key = comfyOrgApiKey === undefined ? {} : { api_key_comfy_org: comfyOrgApiKey };
  return { preview_method: previewEvery > 0 ? previewMethod : "none", ...key };
}
