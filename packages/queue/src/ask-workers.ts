import { setTimeout as sleep } from "node:timers/promises";
import { type Capabilities, ConnectionError, reviveError, type SerializedError } from "@latentkit/core";
import type { Redis } from "ioredis";
import type { Keys } from "./keys.ts";
import { backendId } from "./queue-options.ts";
import { parseAnswer, parseCapabilities } from "./told.ts";

/** What a worker answers. */
export type WorkerAnswer = { capabilities: Capabilities } | { error: SerializedError };

/** How long a worker that is there may take: it may have to read a model's files. */
const answerMs = 15_000;

/**
 * What the workers can do with a model: as one of them says now, else as one said last.
 *
 * @throws the worker's own error; ConnectionError where no worker has ever said anything.
 */
export async function askWorkers(
  redis: Redis,
  keys: Keys,
  model: string | undefined,
  signal?: AbortSignal,
): Promise<Capabilities> {
  const id = crypto.randomUUID();
  const listening = Number(await redis.publish(keys.asks, JSON.stringify({ id, model })));
  const deadline = Date.now() + (listening > 0 ? answerMs : 0);
  while (Date.now() < deadline) {
    const told = await redis.get(keys.answer(id));
    if (told !== null) return capabilitiesIn(parseAnswer(told));
    await sleep(25, undefined, signal === undefined ? {} : { signal });
  }
  const last = await redis.hget(keys.capabilities, model ?? "");
  if (last !== null) return capabilitiesIn({ capabilities: parseCapabilities(last) });
  throw new ConnectionError(
    "No worker listens on this queue, and none has said what it can do: start one with latentkit worker, of the same name and Redis.",
    { backend: backendId, retryable: true },
  );
}

function capabilitiesIn(answer: WorkerAnswer): Capabilities {
  if ("error" in answer) throw reviveError(answer.error, backendId);
  return { ...answer.capabilities, backend: backendId, resume: true };
}
