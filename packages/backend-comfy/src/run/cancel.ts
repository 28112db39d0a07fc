import { LatentKitError } from "@latentkit/core";
import type { ComfyServer } from "../server/comfy-server.ts";
import { sleep } from "./abortable.ts";

const pauseMs = 150;

/**
 * Stops a prompt in whatever state it is: `/queue delete` takes it out while it waits, `/interrupt` with its id stops it
 * while it runs, and as it may pass from one to the other in between, both are repeated until it is in neither list.
 * The interrupt without an id is never used: it would stop other people's jobs.
 *
 * @returns whether it is certain that nothing of it runs.
 */
export async function cancelPrompt(server: ComfyServer, promptId: string): Promise<boolean> {
  const deadline = performance.now() + server.options.cancelMs;
  const timeoutMs = server.options.cancelMs;
  while (performance.now() < deadline) {
    try {
      await server.http.post("/queue", { delete: [promptId] }, { timeoutMs });
      const { running, pending } = await server.queue();
      const isRunning = running.includes(promptId);
      if (!isRunning && !pending.includes(promptId)) return true;
      if (isRunning) await server.http.post("/interrupt", { prompt_id: promptId }, { timeoutMs });
    } catch (error) {
      if (!LatentKitError.isInstance(error)) throw error;
    }
    await sleep(pauseMs);
  }
  return false;
}
