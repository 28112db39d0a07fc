import type { GenerationEvent } from "@latentkit/core";

/** Hands every event on. @returns what comes in the end; a listener that throws stops the work. */
export async function drain<T>(
  events: AsyncGenerator<GenerationEvent, T>,
  tell: (event: GenerationEvent) => void,
): Promise<T> {
  try {
    let next = await events.next();
    for (; next.done !== true; next = await events.next()) tell(next.value);
    return next.value;
  } catch (error) {
    await events.return(undefined as never);
    throw error;
  }
}
