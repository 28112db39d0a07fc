import {
  GenerationError,
  type GenerationEvent,
  type GenerationRequest,
  LatentKitError,
  seedOfImage,
} from "@latentkit/core";
import { comfyDetails } from "./comfy-error.ts";
import { type FoundPicture, Translator } from "./comfy-events.ts";
import type { Graph } from "./graph/graph.ts";
import type { Plan } from "./graph/plan.ts";
import { resolvedBy } from "./resolved-settings.ts";
import { abortable } from "./run/abortable.ts";
import { followPrompt, Inbox } from "./run/follow.ts";
import { cachedNodes, failureOf } from "./run/outcome.ts";
import { submitOrCancel } from "./run/submit-or-cancel.ts";
import type { ComfyServer } from "./server/comfy-server.ts";
import type { HistoryEntry } from "./server/queue.ts";
import { viewUrl } from "./server/view-url.ts";

/** What a handle keeps: enough to find the prompt and to read its results. */
export interface ComfyHandle {
  url: string;
  promptId: string;
  clientId: string;
  /** Which picture each end of the graph gives. */
  outputs: Record<string, number>;
  delivery: Plan["delivery"];
}
/** What is being waited for. */
interface Waited {
  handle: ComfyHandle;
  graph: Graph;
  plan?: Plan;
  request: GenerationRequest;
  /** How often the prompt may be run again, to have pictures sent anew that were lost on the way. */
  reruns: number;
  inbox?: Inbox;
}

/** Follows a prompt to its end and reads its pictures. */
export async function* finish(
  server: ComfyServer,
  waited: Waited,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent> {
  const { handle, graph, plan, request } = waited;
  const versions = await server.versions(signal).catch(() => ({}));
  const delivered = new Map<number, Picture>();
  const deliver = (found: FoundPicture): GenerationEvent | undefined => {
    const index = handle.outputs[found.nodeId];
    if (index === undefined || delivered.has(index)) return undefined;
    const image = "file" in found ? viewUrl(server.url, found.file) : encoded(found);
    delivered.set(index, image);
    return pictureEvent(index, image, request);
  };
  const translator = new Translator({
    graph,
    outputs: handle.outputs,
    previewEvery: request.previewEvery,
    picture: deliver,
    started: () => ({
      type: "started",
      versions,
      ...(plan === undefined ? {} : { resolved: resolvedBy(plan) }),
      ...(plan?.model === undefined ? {} : { model: { id: plan.model.name } }),
    }),
  });
  const heard = waited.inbox === undefined ? {} : { inbox: waited.inbox };
  for await (const news of followPrompt(server, { ...handle, ...heard }, signal)) yield* translator.events(news);
  const history = translator.history!;
  const failure = failureOf(history, handle.promptId);
  const stale = await goneFiles(server, history, handle);
  for (const nodeId of Object.keys(handle.outputs)) {
    const file = history.outputs[nodeId]?.images?.[0];
    const event = file === undefined || stale.includes(nodeId) ? undefined : deliver({ nodeId, file });
    if (event !== undefined) yield event;
  }
  const missing = Object.entries(handle.outputs).filter(([, index]) => !delivered.has(index));
  const mayReturn = stale.length > 0 || handle.delivery === "socket";
  if (failure === undefined && missing.length > 0 && waited.reruns > 0 && mayReturn) {
    yield* again(server, waited, graph, history, Object.fromEntries(missing), signal);
    return;
  }
  yield* failures(missing, failure, delivered.size, request, handle);
  yield { type: "completed" };
}

type Picture = Extract<GenerationEvent, { type: "image" }>["image"];

function pictureEvent(index: number, image: Picture, request: GenerationRequest): GenerationEvent {
  const seed = request.seed === undefined ? {} : { seed: seedOfImage(request.seed, index) };
  return { type: "image", index, ...seed, image };
}

function encoded({ mediaType, bytes }: { mediaType: string; bytes: Uint8Array }): Picture {
  return { kind: "encoded", mediaType, base64: Buffer.from(bytes).toString("base64") };
}
/** A cached node gives the name of an older file, which somebody may have deleted since. */
async function goneFiles(server: ComfyServer, history: HistoryEntry, { outputs }: ComfyHandle): Promise<string[]> {
  const checked = await Promise.all(
    cachedNodes(history).map(async (id) => {
      const file = id in outputs ? history.outputs[id]?.images?.[0] : undefined;
      if (file === undefined) return [];
      const { status } = await server.http.fetch(new URL(viewUrl(server.url, file).url), "HEAD");
      return status === 404 ? [id] : [];
    }),
  );
  return checked.flat();
}

/** Has pictures made again from what the server still holds in its cache, and says so. */
async function* again(
  server: ComfyServer,
  waited: Waited,
  graph: Graph,
  history: HistoryEntry,
  outputs: Record<string, number>,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent> {
  yield {
    type: "warning",
    code: "job_rerun",
    message: `${Object.keys(outputs).length} finished picture(s) did not arrive, or their files were deleted: the server is asked for them again.`,
  };
  const known = Object.keys(graph).length > 0 ? graph : ((history.prompt?.[2] ?? {}) as Graph);
  const kept = Object.entries(known).filter(([id]) => !(id in waited.handle.outputs) || id in outputs);
  const fresh = Object.fromEntries(kept.map(([id, node]) => [id, refreshed(node)])) as Graph;
  const promptId = crypto.randomUUID();
  const clientId = server.options.clientId;
  const socket = server.socket(clientId);
  const inbox = new Inbox(socket, promptId);
  try {
    await abortable(socket.ready(), signal);
    const sent = await submitOrCancel(server, { promptId, clientId, graph: fresh, fields: {} }, signal);
    const handle = { ...waited.handle, promptId: sent.promptId, clientId, outputs };
    yield { type: "queued", handle };
    yield* finish(server, { ...waited, handle, graph: fresh, reruns: waited.reruns - 1, inbox }, signal);
  } finally {
    inbox.close();
  }
}

/** A node that saves under another name is not answered from the cache. */
function refreshed(node: Graph[string]): Graph[string] {
  const prefix = node.inputs["filename_prefix"];
  if (typeof prefix !== "string") return node;
  return { ...node, inputs: { ...node.inputs, filename_prefix: `${prefix}-${crypto.randomUUID().slice(0, 8)}` } };
}

/** Pictures that did not come: warnings beside those that did, an error when none did. */
function* failures(
  missing: readonly (readonly [string, number])[],
  failure: Error | undefined,
  delivered: number,
  request: GenerationRequest,
  { promptId }: ComfyHandle,
): Generator<GenerationEvent> {
  if (missing.length === 0) return;
  const error =
    failure ??
    new GenerationError("The server ended the job without this picture.", comfyDetails({ details: { promptId } }));
  if (delivered === 0 || !LatentKitError.isInstance(error) || error.code === "aborted") throw error;
  for (const [, index] of missing) {
    const seed = request.seed === undefined ? {} : { seed: seedOfImage(request.seed, index) };
    yield { type: "warning", code: "image_failed", message: error.message, index, ...seed, error: error.toJSON() };
  }
}
