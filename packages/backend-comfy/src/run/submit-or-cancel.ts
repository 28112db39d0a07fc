import type { ComfyServer } from "../server/comfy-server.ts";
import { abortable } from "./abortable.ts";
import { cancelPrompt } from "./cancel.ts";
import { submit } from "./submit.ts";

/** An abort while the job is on its way: it is let arrive, and is then taken out again. */
export async function submitOrCancel(server: ComfyServer, prompt: Parameters<typeof submit>[1], signal: AbortSignal) {
  const sending = submit(server, prompt);
  try {
    return await abortable(sending, signal);
  } catch (error) {
    if (signal.aborted) {
      await sending.catch(() => {});
      await cancelPrompt(server, prompt.promptId);
    }
    throw error;
  }
}
