import { type GenerationEvent, type GenerationRequest, InvalidRequestError, type Issue } from "@latentkit/core";
import { type ComfyHandle, finish } from "./finish.ts";
import type { Graph } from "./graph/graph.ts";
import type { LocalImage } from "./plan/load-images.ts";
import { requestOptions } from "./plan/request-options.ts";
import { prepare } from "./prepare.ts";
import { abortable } from "./run/abortable.ts";
import { Inbox } from "./run/follow.ts";
import { submitOrCancel } from "./run/submit-or-cancel.ts";
import { renameImages } from "./run/uploads.ts";
import type { ComfyServer } from "./server/comfy-server.ts";

/** Runs a request on one server. */
export async function* generateOn(
  server: ComfyServer,
  request: GenerationRequest,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent> {
  const prepared = await prepare(server, request, signal);
  const { plan, outputs, fields, images } = prepared;
  const graph = await withUploads(server, prepared.graph, images, signal);
  // The socket listens before the job exists, so that no event of a fast job is missed.
  const socket = server.socket(server.options.clientId);
  const promptId = crypto.randomUUID();
  const inbox = new Inbox(socket, promptId);
  try {
    await abortable(socket.ready(), signal);
    const prompt = { promptId, clientId: socket.clientId, graph, fields, ...extras(server, request) };
    const sent = await submitOrCancel(server, prompt, signal).catch(async (error: unknown) => {
      if (!isImageGone(error, images)) throw error;
      await withUploads(server, graph, images, signal);
      return submitOrCancel(server, prompt, signal);
    });
    const handle: ComfyHandle = {
      url: server.url,
      promptId: sent.promptId,
      clientId: socket.clientId,
      outputs,
      delivery: plan.delivery,
    };
    yield { type: "queued", handle: { ...handle } };
    for (const issue of sent.dropped) yield droppedWarning(issue);
    const heard = sent.promptId === promptId ? { inbox } : {};
    yield* finish(server, { handle, graph, plan, request, reruns: 2, ...heard }, signal);
  } finally {
    inbox.close();
  }
}

async function withUploads(
  server: ComfyServer,
  graph: Graph,
  images: ReadonlyMap<string, LocalImage>,
  signal: AbortSignal,
): Promise<Graph> {
  return renameImages(graph, await server.uploads.send(images.values(), signal));
}

/** The server's input folder was emptied since the upload: the refusal has made us forget what was sent. */
function isImageGone(error: unknown, images: ReadonlyMap<string, LocalImage>): boolean {
  return InvalidRequestError.isInstance(error) && error.issues.some(({ field }) => images.has(field));
}

function droppedWarning({ field, message }: Issue): GenerationEvent {
  return {
    type: "warning",
    code: "output_dropped",
    field,
    message: `The server left an output out: ${field}: ${message}`,
  };
}

function extras(server: ComfyServer, request: GenerationRequest) {
  const own = requestOptions(request);
  const { previewMethod, comfyOrgApiKey } = server.options;
  const preview_method = request.previewEvery > 0 ? (own.previewMethod ?? previewMethod) : "none";
  const key = comfyOrgApiKey === undefined ? {} : { api_key_comfy_org: comfyOrgApiKey };
  return { extraData: { preview_method, ...key }, front: own.front };
}
