import { setTimeout as sleep } from "node:timers/promises";
import { ConnectionError, LatentKitError, NotFoundError } from "@latentkit/core";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { connectionError } from "./http-error.ts";
import type { ServerCalls } from "./server-calls.ts";
import { parseEvent, type ServerEvent } from "./server-words.ts";

/** How a job's events are read. */
export interface ReadOptions {
  signal: AbortSignal;
  /** Silence after which the stream is taken up anew. */
  stallMs: number;
  /** How long a server that cannot be reached, or tells nothing new, is tried again. */
  reconnectMs: number;
  backend: string;
}

/** The longest event is a preview's raw samples. */
const maxEventBytes = 64 * 2 ** 20;
/** A stream that brings less than this, and no whole message, is silent. */
const slowestBytesPerMs = 8.192;

/**
 * A job's events to its last, through broken and silent connections: each is taken up behind the last event that came.
 *
 * @throws ConnectionError when the server stays away, NotFoundError when it knows the job no more.
 */
export async function* readEvents(calls: ServerCalls, id: string, options: ReadOptions): AsyncGenerator<ServerEvent> {
  const { signal, reconnectMs, backend } = options;
  let last = -1;
  let lostAt: number | undefined;
  for (let pauseMs = 100; ; pauseMs = Math.min(pauseMs * 2, 3000)) {
    let broken: unknown = new ConnectionError("The server's stream of events ended before the job did.");
    try {
      for await (const { id: number, event = "", data } of readOnce(calls, id, last, options)) {
        // What came already counts for nothing: a stream that only says it again is lost.
        if (!(Number(number) > last)) continue;
        last = Number(number);
        lostAt = undefined;
        pauseMs = 100;
        const told = parseEvent(event, JSON.parse(data));
        if (told !== undefined) yield told;
        if (told?.type === "done" || told?.type === "error") return;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (NotFoundError.isInstance(error)) throw error;
      if (LatentKitError.isInstance(error) && !error.retryable) throw error;
      broken = error;
    }
    lostAt ??= performance.now();
    if (performance.now() - lostAt > reconnectMs) throw connectionError(`job ${id}`, broken, backend);
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
  }
}

async function* readOnce(
  calls: ServerCalls,
  id: string,
  last: number,
  { signal, stallMs, backend }: ReadOptions,
): AsyncGenerator<EventSourceMessage> {
  const headers = { accept: "text/event-stream", ...(last < 0 ? {} : { "last-event-id": String(last) }) };
  const path = `/v1/jobs/${id}/events?images=url&previews=payload`;
  const reply = await calls.open({ method: "GET", path, headers, signal }, stallMs);
  const messages: EventSourceMessage[] = [];
  // Bytes since the last event, and since anything was heard of the server.
  let [pending, unheard, heardAt, isReading] = [0, 0, performance.now(), true];
  const heard = () => {
    [unheard, heardAt] = [0, performance.now()];
  };
  const parser = createParser({
    onEvent: (event) => {
      pending = 0;
      heard();
      messages.push(event);
    },
    onComment: heard,
  });
  const decoder = new TextDecoder();
  const give = (why: string) => reply.body.destroy(new ConnectionError(why, { retryable: true }));
  const timer = setInterval(
    () => {
      const ms = performance.now() - heardAt;
      if (isReading && (ms - stallMs) * slowestBytesPerMs > unheard)
        give(`The server's stream of events said nothing for ${stallMs} ms.`);
    },
    Math.max(stallMs / 8, 10),
  );
  try {
    for await (const chunk of reply.body as AsyncIterable<Buffer>) {
      pending += chunk.length;
      unheard += chunk.length;
      parser.feed(decoder.decode(chunk, { stream: true }));
      if (pending > maxEventBytes)
        throw new ConnectionError(`The server told an event of more than ${maxEventBytes} bytes.`, {
          backend,
          retryable: false,
        });
      // While the reader is at work nothing is listened for.
      isReading = false;
      const since = performance.now();
      yield* messages.splice(0);
      heardAt += performance.now() - since;
      isReading = true;
    }
  } finally {
    clearInterval(timer);
    reply.body.on("error", () => {}).destroy();
  }
}
