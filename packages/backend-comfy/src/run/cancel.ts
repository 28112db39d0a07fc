import { AbortedError, DisposedError, GenerationError, LatentKitError, TimeoutError } from "@latentkit/core";
import { comfyDetails } from "../comfy-error.ts";
import type { ComfyServer } from "../server/comfy-server.ts";
import { readQueue } from "../server/queue.ts";
import { sleep } from "./abortable.ts";

const pauseMs = 150;

/**
 * Stops a prompt in whatever state it is. Newer servers have a call for that; on others `/queue delete` takes it out while it waits, `/interrupt` with its id stops it
 * while it runs, and as it may pass from one to the other in between, both are repeated until it is in neither list.
 * The interrupt without an id is never used: it would stop other people's jobs.
 *
 * @param limit ends the attempts; by default after `cancelMs`.
 * @returns whether it is certain that nothing of it runs.
 */
export async function cancelPrompt(
  server: ComfyServer,
  promptId: string,
  limit: AbortSignal = AbortSignal.timeout(server.options.cancelMs),
): Promise<boolean> {
  while (!limit.aborted) {
    try {
      const isTold = await cancelJob(server, promptId, limit);
      if (!isTold) await server.http.post("/queue", { delete: [promptId] }, { signal: limit });
      const { running, pending } = await readQueue(server.http, limit);
      const isRunning = running.includes(promptId);
      if (!isRunning && !pending.includes(promptId)) return true;
      if (isRunning && !isTold) await server.http.post("/interrupt", { prompt_id: promptId }, { signal: limit });
    } catch (error) {
      if (!LatentKitError.isInstance(error)) throw error;
    }
    await sleep(pauseMs, limit);
  }
  return false;
}

/** Servers, by whether they have the jobs API. */
const jobsApi = new WeakMap<ComfyServer, boolean>();

/** Newer servers stop a job in one call, whatever its state. @returns false where the server has none. */
async function cancelJob(server: ComfyServer, promptId: string, signal: AbortSignal): Promise<boolean> {
  if (jobsApi.get(server) === false) return false;
  const { status, body } = await server.http.send("POST", `/api/jobs/${promptId}/cancel`, { json: {}, signal });
  const isKnown = status === 200 && /"cancelled"/.test(body.toString("utf8"));
  // A server that is busy or away says nothing of what it has.
  if (isKnown || [400, 404, 405].includes(status)) jobsApi.set(server, isKnown);
  return isKnown;
}

/** The error of a job whose prompt the server may still run: it says so, and how to find the prompt. */
export function unconfirmed(error: unknown, promptId: string): unknown {
  const Kind = [AbortedError, DisposedError, TimeoutError, GenerationError].find((kind) => kind.isInstance(error));
  if (Kind === undefined) return error;
  const { message, details, retryable } = error as LatentKitError;
  return new Kind(
    `${message} The server has not confirmed that it stopped: prompt ${promptId} may still run there.`,
    comfyDetails({ cause: error, retryable, details: { ...details, promptId, unconfirmed: true } }),
  );
}

/** Whether an error is of a job whose prompt may still run. */
export function isUnconfirmed(error: unknown): error is LatentKitError {
  return LatentKitError.isInstance(error) && error.details["unconfirmed"] === true;
}
