import type { Client, GeneratedImage, GenerationResult, Job } from "@latentkit/core";
import { previewPixels } from "../generate/previews.ts";
import type { SavedImage } from "../generate/saver.ts";
import { progressView } from "./progress-view.ts";

/** Shows a job's progress where that is a terminal, and saves each picture as it comes. Warnings are left to the caller. */
export async function followJob(
  job: Job,
  client: Client,
  stream: NodeJS.WritableStream,
  signal: AbortSignal,
  save: (image: GeneratedImage) => Promise<SavedImage>,
): Promise<GenerationResult> {
  const view = await progressView(stream, ({ image }) => previewPixels(image, client, signal));
  const seen = new Set<number>();
  try {
    for await (const event of job) {
      view.update(event);
      if (event.type !== "image" || seen.has(event.index)) continue;
      seen.add(event.index);
      const image = job.images.find(({ index }) => index === event.index);
      if (image !== undefined) await view.picture(image, await save(image));
    }
    return await job;
  } catch (error) {
    job.cancel();
    await job.catch(() => {});
    throw error;
  } finally {
    view.close();
  }
}
