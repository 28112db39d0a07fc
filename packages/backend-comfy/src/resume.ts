import { type GenerationEvent, type GenerationRequest, type JobHandle, NotFoundError } from "@latentkit/core";
import { z } from "zod";
import { comfyDetails } from "./comfy-error.ts";
import { finish } from "./finish.ts";
import { extrasOf } from "./generate.ts";
import type { Graph } from "./graph/graph.ts";
import type { ComfyServer } from "./server/comfy-server.ts";
import { findQueued } from "./server/queue.ts";

const PromptHandleSchema = z.object({ url: z.string(), promptId: z.string(), clientId: z.string() });

const HandleSchema = PromptHandleSchema.extend({
  outputs: z.record(z.string(), z.int()),
  delivery: z.enum(["view", "temp", "socket"]),
  resolved: z.record(z.string(), z.unknown()).optional(),
  model: z.object({ id: z.string(), hash: z.string().optional() }).optional(),
  size: z.object({ width: z.number(), height: z.number() }).optional(),
});

/** Enough to find a prompt again: what every handle of this backend's has. */
export type PromptHandle = z.infer<typeof PromptHandleSchema>;

/** Goes on with a request's prompt that an earlier process queued. */
export async function* resumeOn(
  server: ComfyServer,
  { data, request }: JobHandle,
  signal: AbortSignal,
): AsyncGenerator<GenerationEvent> {
  const handle = read(HandleSchema, data);
  const known = await findPrompt(server, handle, signal);
  yield { type: "queued", handle: { ...handle } };
  const { promptId, clientId, outputs, delivery, resolved, model, size } = handle;
  const className = delivery === "socket" ? "SaveImageWebsocket" : "SaveImage";
  const ends = Object.keys(outputs).map((id) => [id, { class_type: className, inputs: {} }]);
  const job = { graph: known ?? Object.fromEntries(ends), fields: {}, images: [], ...extrasOf(server, request) };
  const about = {
    ...(resolved === undefined ? {} : { resolved: resolved as Partial<GenerationRequest> }),
    ...(model === undefined ? {} : { model: { ...model } as { id: string } }),
    ...(size === undefined ? {} : { size }),
  };
  yield* finish(server, { job, request, outputs, delivery, ...about, resumed: { promptId, clientId } }, signal);
}

/** A handle of any prompt of this server's. @throws NotFoundError when it is none. */
export function readPromptHandle(data: unknown): PromptHandle {
  return read(PromptHandleSchema, data);
}

/**
 * Finds a prompt in queue or history.
 *
 * @returns its graph, where the server tells it.
 * @throws NotFoundError when it is another server's, or this one does not know it.
 */
export async function findPrompt(
  server: ComfyServer,
  { url, promptId }: PromptHandle,
  signal: AbortSignal,
): Promise<Graph | undefined> {
  if (url !== server.url) {
    throw new NotFoundError(`The job was queued at ${url}, not at ${server.url}.`, comfyDetails());
  }
  const queued = await findQueued(server.http, promptId, signal);
  if (queued !== undefined) return queued.graph;
  const history = await server.history(promptId);
  if (history !== undefined) return history.prompt?.[2] as Graph | undefined;
  throw new NotFoundError(
    "The server does not know this job: it was restarted since, or its history was cleared.",
    comfyDetails({ details: { promptId } }),
  );
}

function read<T>(schema: z.ZodType<T>, data: unknown): T {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  throw new NotFoundError("This is no handle of a ComfyUI job.", comfyDetails({ cause: parsed.error }));
}
