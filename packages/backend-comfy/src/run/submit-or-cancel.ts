import { ConnectionError, InvalidRequestError, LatentKitError } from "@latentkit/core";
import { comfyDetails } from "../comfy-error.ts";
import type { ComfyServer } from "../server/comfy-server.ts";
import { abortable, sleep } from "./abortable.ts";
import { cancelPrompt, unconfirmed } from "./cancel.ts";
import { type Prompt, type Submitted, submit } from "./submit.ts";

const openAttempts = 3;
const betweenMs = 300;

/**
 * Queues a prompt. An abort while it is on its way lets it arrive, for a part of `cancelMs`, and takes it out again.
 *
 * @throws ConnectionError when its pictures come over the socket, and none can be opened: before anything is queued.
 */
export async function submitOrCancel(server: ComfyServer, prompt: Prompt, signal: AbortSignal): Promise<Submitted> {
  await abortable(needSocket(server, prompt), signal);
  const breakOff = new AbortController();
  const sending = submit(server, prompt, { cancelled: signal, breakOff: breakOff.signal });
  try {
    return await abortable(sending, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    const { cancelMs } = server.options;
    const limit = AbortSignal.timeout(cancelMs);
    const arrival = abortable(sending, AbortSignal.timeout(cancelMs / 2));
    const fate = await arrival.then(() => "taken", fateOf);
    breakOff.abort();
    if (fate === "refused") throw error;
    const isStopped = await cancelPrompt(server, prompt.promptId, limit);
    throw isStopped && fate !== "unknown" ? error : unconfirmed(error, prompt.promptId);
  }
}

/** Whether a request that failed can have queued something, or may do so still. */
function fateOf(failure: unknown): "refused" | "broken" | "unknown" {
  if (!LatentKitError.isInstance(failure)) return "unknown";
  if (InvalidRequestError.isInstance(failure) || failure.details["sent"] === false) return "refused";
  return failure.code === "timeout" || failure.code === "aborted" ? "unknown" : "broken";
}

/** What SaveImageWebsocket sends is nowhere else: without a socket the work would be for nothing. */
async function needSocket(server: ComfyServer, { clientId, graph }: Prompt): Promise<void> {
  if (!Object.values(graph).some(({ class_type }) => class_type === "SaveImageWebsocket")) return;
  const socket = server.socket(clientId);
  for (let attempt = 1; !socket.isOpen; attempt++) {
    await socket.ready();
    if (socket.isOpen) return;
    const { failure } = socket;
    if (attempt === openAttempts) {
      const why = LatentKitError.isInstance(failure) ? failure.message : "No WebSocket could be opened.";
      throw new ConnectionError(
        `The pictures of this job come over the WebSocket alone. ${why} Use delivery "view" or "temp".`,
        comfyDetails({ cause: failure, details: { sent: false } }),
      );
    }
    await sleep(betweenMs);
  }
}
