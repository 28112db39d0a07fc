import { setTimeout as sleep } from "node:timers/promises";
import { LatentKitError, NotFoundError } from "@latentkit/core";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { connectionError } from "./http-error.ts";
import type { ServerCalls } from "./server-calls.ts";

/** One event of a job, as the server tells it. */
export interface ServerEvent {
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: what each type has stands where it is read
  data: any;
}

/** How a job's events are read. */
export interface ReadOptions {
  signal: AbortSignal;
  /** Silence after which the stream is taken up anew. */
  stallMs: number;
  /** How long a server that cannot be reached is tried again. */
  reconnectMs: number;
  backend: string;
}

/**
 * A job's events to its last, through broken and silent connections: each is taken up behind the last event that came.
 *
 * @throws ConnectionError when the server stays away, NotFoundError when it knows the job no more.
 */
export async function* readEvents(calls: ServerCalls, id: string, options: ReadOptions): AsyncGenerator<ServerEvent> {
  const { signal, reconnectMs, backend } = options;
  let last = "";
  let lostAt: number | undefined;
  for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, 3000)) {
    try {
      for await (const { id: number, event = "", data } of readOnce(calls, id, last, options)) {
        last = number ?? last;
        lostAt = undefined;
        pauseMs = 100;
        yield { type: event, data: JSON.parse(data) };
        if (event === "done" || event === "error") return;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (NotFoundError.isInstance(error)) throw error;
      if (LatentKitError.isInstance(error) && !error.retryable) throw error;
      lostAt ??= performance.now();
      if (performance.now() - lostAt > reconnectMs) throw connectionError(`job ${id}`, error, backend);
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
  }
}

async function* readOnce(
  calls: ServerCalls,
  id: string,
  last: string,
  { signal, stallMs }: ReadOptions,
): AsyncGenerator<EventSourceMessage> {
  const headers = { accept: "text/event-stream", ...(last === "" ? {} : { "last-event-id": last }) };
  const path = `/v1/jobs/${id}/events?images=url&previews=payload`;
  const reply = await calls.open({ method: "GET", path, headers, signal }, stallMs);
  const messages: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => messages.push(event) });
  const decoder = new TextDecoder();
  try {
    for await (const chunk of reply.body as AsyncIterable<Buffer>) {
      parser.feed(decoder.decode(chunk, { stream: true }));
      yield* messages.splice(0);
    }
  } finally {
    reply.body.on("error", () => {}).destroy();
  }
}
