import {
  GenerationError,
  type GenerationEvent,
  type GenerationRequest,
  LatentKitError,
  type ModelIdentity,
  seedOfImage,
} from "@latentkit/core";
import { comfyDetails } from "./comfy-error.ts";
import { type FoundPicture, Translator } from "./comfy-events.ts";
import type { Plan } from "./graph/plan.ts";
import type { PromptJob } from "./run/run-prompt.ts";
import { type Ended, nodesWithoutFiles, type Run, runToEnd } from "./run/run-to-end.ts";
import type { ComfyServer } from "./server/comfy-server.ts";
import { viewUrl } from "./server/view-url.ts";

/** What a handle keeps: enough to find the prompt, to read its results, and to tell how they were made. */
export interface ComfyHandle {
  url: string;
  promptId: string;
  clientId: string;
  /** Which picture each end of the graph gives. */
  outputs: Record<string, number>;
  delivery: Plan["delivery"];
  /** The settings that were decided where the request was silent, and the model: for the recipe. */
  resolved?: Partial<GenerationRequest>;
  model?: ModelIdentity;
  /** Size of the pictures, where the request does not say it. */
  size?: { width: number; height: number };
}

/** What is waited for. */
export interface Waited extends Omit<ComfyHandle, "url" | "promptId" | "clientId"> {
  job: PromptJob;
  request: GenerationRequest;
  /** An earlier process's prompt, in place of a new one. */
  resumed?: Run["resumed"];
}

/** Runs a request's prompt, or goes on with it, and reads its pictures. */
export async function* finish(
  server: ComfyServer,
  { job, request, resumed, outputs, ...about }: Waited,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent> {
  const { delivery, resolved, model, size } = about;
  const versions = await server.versions(signal).catch(() => ({}));
  const delivered = new Map<number, Picture>();
  const deliver = (found: FoundPicture): GenerationEvent | undefined => {
    const index = outputs[found.nodeId];
    if (index === undefined || delivered.has(index)) return undefined;
    const image = "file" in found ? viewUrl(server.url, found.file, size) : encoded(found);
    delivered.set(index, image);
    return pictureEvent(index, image, request);
  };
  const known = { ...(resolved === undefined ? {} : { resolved }), ...(model === undefined ? {} : { model }) };
  const missing = () => Object.entries(outputs).filter(([, index]) => !delivered.has(index));
  const run: Run = {
    job,
    ends: Object.keys(outputs),
    ...(resumed === undefined ? {} : { resumed }),
    translate: (graph) =>
      new Translator({
        graph,
        outputs,
        previewEvery: request.previewEvery,
        picture: deliver,
        started: () => ({ type: "started", versions, ...known }),
      }),
    *queued({ promptId, clientId, dropped }) {
      const handle: ComfyHandle = { url: server.url, promptId, clientId, outputs, ...about };
      yield { type: "queued", handle: { ...handle } };
      for (const { field, message } of dropped) yield droppedWarning(field, message);
    },
    async *collect({ history }) {
      const imagesOf = (id: string) => (id in outputs ? (history.outputs[id]?.images?.slice(0, 1) ?? []) : []);
      const gone = await nodesWithoutFiles(server, history, imagesOf);
      for (const nodeId of Object.keys(outputs)) {
        const [file] = gone.includes(nodeId) ? [] : imagesOf(nodeId);
        const event = file === undefined ? undefined : deliver({ nodeId, file });
        if (event !== undefined) yield event;
      }
      return missing().flatMap(([id]) => (gone.includes(id) || delivery === "socket" ? [id] : []));
    },
  };
  const ended = yield* runToEnd(server, run, signal);
  yield* failures(missing(), ended, delivered.size, request);
  yield { type: "completed" };
}

/** An output that the server left out although it took the job. */
export function droppedWarning(field: string, message: string): GenerationEvent {
  const text = `The server left an output out: ${field}: ${message}`;
  return { type: "warning", code: "output_dropped", field, message: text };
}

type Picture = Extract<GenerationEvent, { type: "image" }>["image"];

function pictureEvent(index: number, image: Picture, request: GenerationRequest): GenerationEvent {
  const seed = request.seed === undefined ? {} : { seed: seedOfImage(request.seed, index) };
  return { type: "image", index, ...seed, image };
}

function encoded({ mediaType, bytes }: { mediaType: string; bytes: Uint8Array }): Picture {
  return { kind: "encoded", mediaType, base64: Buffer.from(bytes).toString("base64") };
}

/** Pictures that did not come: warnings beside those that did, an error when none did. */
function* failures(
  missing: readonly (readonly [string, number])[],
  { failure, promptId }: Ended,
  delivered: number,
  request: GenerationRequest,
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
