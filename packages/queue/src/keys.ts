/** BullMQ's keys and ours begin with it. */
export const prefix = "latentkit";

/** Names of a queue's keys and channels, beside BullMQ's own. */
export function keysOf(name: string) {
  const own = (part: string) => `${prefix}:${name}:job-${part}`;
  return {
    /** A job's events that must not be lost: a stream. */
    events: (job: string) => own(`events:${job}`),
    /** A job's last progress, for those who come later. */
    progress: (job: string) => own(`progress:${job}`),
    /** Which attempt at a job may write: a worker that was given up for dead may not. */
    fence: (job: string) => own(`fence:${job}`),
    /** There where a job is wanted no more. */
    cancelled: (job: string) => own(`cancelled:${job}`),
    /** How many wait for a job. */
    watchers: (job: string) => own(`watchers:${job}`),
    /** Channel: something new of a job. */
    news: (job: string) => own(`news:${job}`),
    /** Channel: jobs to be cancelled. */
    cancels: own("cancels"),
    /** Channel: questions to workers. */
    asks: own("asks"),
    answer: (id: string) => own(`answer:${id}`),
    /** What workers said last, by model. */
    capabilities: own("capabilities"),
    worker: (id: string) => own(`worker:${id}`),
    limit: (key: string) => own(`limit:${key}`),
    object: (key: string) => own(`object:${key}`),
  };
}

/** Names of a queue's keys. */
export type Keys = ReturnType<typeof keysOf>;
