import type { GenerationEvent, Job } from "@latentkit/core";

/** Reads a job to its end: its events, and the error where it failed. */
export async function collect(job: Job): Promise<{ events: GenerationEvent[]; error?: unknown }> {
  const events: GenerationEvent[] = [];
  try {
    for await (const event of job) events.push(event);
    return { events };
  } catch (error) {
    return { events, error };
  }
}

/** Resolves when an event fulfils the condition; rejects when the job ends before. */
export async function until(job: Job, condition: (event: GenerationEvent) => boolean): Promise<GenerationEvent> {
  for await (const event of job) if (condition(event)) return event;
  throw new Error("The job ended before the event that the test waits for.");
}

/** Polls a condition for up to `timeoutMs`. */
export async function eventually(condition: () => boolean | Promise<boolean>, timeoutMs = 8000): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    if (await condition()) return true;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return condition();
}
