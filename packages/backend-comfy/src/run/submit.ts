import { GenerationError, type Issue, LatentKitError, TimeoutError } from "@latentkit/core";
import { comfyDetails, notComfyError, refusedError, statusError } from "../comfy-error.ts";
import type { FieldMap, Graph } from "../graph/graph.ts";
import { askedWaitMs, replyError } from "../http/comfy-http.ts";
import { parseExact } from "../http/exact-json.ts";
import type { ComfyServer } from "../server/comfy-server.ts";
import { positionIn } from "../server/queue.ts";
import { sleep } from "./abortable.ts";
import { flattenNodeErrors, type Refusal } from "./node-errors.ts";

/** A prompt to be run. */
export interface Prompt {
  promptId: string;
  clientId: string;
  graph: Graph;
  fields: FieldMap;
  extraData?: Record<string, unknown>;
  front?: boolean;
}

/** What the server said to a prompt that it took. */
export interface Submitted {
  promptId: string;
  /** Outputs that it dropped, and why. */
  dropped: Issue[];
}

const attempts = 3;
/** How long a request that timed out may still be on its way into the queue. */
const settleMs = 500;

/** What ends the sending. */
export interface Sending {
  /** It is not sent once more after this. */
  cancelled: AbortSignal;
  /** Breaks the request itself off. */
  breakOff: AbortSignal;
}

/**
 * Queues a prompt, exactly once: when it is unclear whether a request arrived, queue and history are asked before it is
 * sent again, since ComfyUI runs two prompts of one id twice.
 *
 * @throws InvalidRequestError when the server refuses the graph, ConnectionError when it cannot be reached.
 */
export async function submit(server: ComfyServer, prompt: Prompt, sending: Sending): Promise<Submitted> {
  let failure: unknown;
  for (let attempt = 0; attempt < attempts; attempt++) {
    try {
      return await post(server, prompt, sending.breakOff);
    } catch (error) {
      if (!isUnclear(error) || sending.cancelled.aborted) throw error;
      failure = error;
      if (wasSent(error)) {
        const found = await lookUp(server, prompt.promptId, TimeoutError.isInstance(error) ? 2 : 1);
        if (found) return { promptId: prompt.promptId, dropped: [] };
      }
      // What `Retry-After` asks for, as far as an unreachable server would be waited for.
      const asked = Math.min(askedWaitMs(error), server.options.reconnectMs);
      await sleep(Math.max(200 * 2 ** attempt, asked), sending.cancelled);
      if (sending.cancelled.aborted) break;
    }
  }
  throw failure;
}

async function post(server: ComfyServer, prompt: Prompt, signal: AbortSignal): Promise<Submitted> {
  const { promptId: prompt_id, clientId: client_id, graph, fields, extraData: extra_data = {}, front } = prompt;
  const json = { prompt: graph, prompt_id, client_id, extra_data, ...(front ? { front } : {}) };
  const reply = await server.http.send("POST", "/prompt", { json, signal });
  const text = reply.body.toString("utf8");
  if (reply.status === 400) refuse(server, text, fields);
  if (reply.status !== 200) throw replyError(reply, "POST /prompt");
  const answer = parse(text) as { prompt_id?: string } & Refusal;
  if (typeof answer?.prompt_id !== "string") throw notComfyError(server.url, "/prompt did not answer with a prompt_id");
  return { promptId: answer.prompt_id, dropped: flattenNodeErrors({ node_errors: answer.node_errors ?? {} }, fields) };
}

function refuse(server: ComfyServer, text: string, fields: FieldMap): never {
  const refusal = parse(text) as Refusal | undefined;
  if (refusal?.error === undefined) throw statusError(400, text, "POST /prompt");
  // What it had listed before may be gone by now.
  server.forget();
  const type = typeof refusal.error === "string" ? refusal.error : refusal.error.type;
  throw refusedError(flattenNodeErrors(refusal, fields), { type });
}

function parse(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return undefined;
  }
}

function isUnclear(error: unknown): boolean {
  return (
    LatentKitError.isInstance(error) &&
    (error.retryable || (GenerationError.isInstance(error) && statusOf(error) >= 500))
  );
}

function wasSent(error: unknown): boolean {
  return LatentKitError.isInstance(error) && error.details["sent"] !== false;
}

function statusOf({ details }: LatentKitError): number {
  return typeof details["status"] === "number" ? details["status"] : 0;
}

/** Whether a prompt is queued, runs or has ended. @throws ConnectionError when that cannot be found out. */
async function lookUp(server: ComfyServer, promptId: string, looks: number): Promise<boolean> {
  for (let look = 0; look < looks; look++) {
    if (look > 0) await sleep(settleMs);
    try {
      if (positionIn(await server.queue(), promptId) !== undefined) return true;
      if ((await server.history(promptId)) !== undefined) return true;
    } catch (cause) {
      const message = "It is not known whether the server took the job: the connection broke while it was sent.";
      throw new GenerationError(message, comfyDetails({ cause, details: { promptId, sent: true } }));
    }
  }
  return false;
}
