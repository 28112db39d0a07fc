import { setTimeout as sleep } from "node:timers/promises";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { request } from "undici";
import type { Dispatchers } from "../http/dispatcher.ts";

const defaultRetryMs = 1000;
/** Longest wait that a server may ask for before its stream is taken up again. */
const longestRetryMs = 60_000;
/** Longest event: models tell pictures as data URLs. */
const maxEventLength = 64 * 2 ** 20;

/** What a prediction's stream tells. */
export type StreamMessage =
  | { kind: "output"; value: string }
  | { kind: "logs"; text: string }
  /** The prediction is over, well or not: its state is to be read. */
  | { kind: "done" };

/** How a stream is read. */
export interface StreamOptions {
  dispatchers: Dispatchers;
  signal: AbortSignal;
  /** How often a stream that broke is taken up again without anything new in between. Default 3. */
  resumes?: number;
  /** Wait before taking it up again, in milliseconds; the server's `retry:` may make it longer, up to a minute. Default 1000. */
  retryMs?: number;
}

/**
 * Reads a prediction's server-sent events (WHATWG HTML §9.2). A stream that breaks is taken up after the last event by
 * `Last-Event-ID`; one that cannot be ends quietly, as polling goes on beside it. The URL is its own secret: the API token
 * is not sent, since the stream lies on another host.
 */
export async function* readStream(url: string, options: StreamOptions): AsyncGenerator<StreamMessage> {
  const { signal, resumes = 3 } = options;
  const state: StreamState = { lastId: "", retryMs: options.retryMs ?? defaultRetryMs, seen: new Set() };
  let failures = 0;
  while (failures <= resumes && !signal.aborted) {
    try {
      for await (const message of readOnce(url, options, state)) {
        failures = 0;
        yield message;
        if (message.kind === "done") return;
      }
    } catch (error) {
      if (error instanceof RefusedStream) return;
    }
    failures++;
    await sleep(state.retryMs, undefined, { signal }).catch(() => {});
  }
}

class RefusedStream extends Error {}

interface StreamState {
  lastId: string;
  retryMs: number;
  /** Ids of events already told: a server that ignores `Last-Event-ID` tells them again. */
  seen: Set<string>;
}

async function* readOnce(
  url: string,
  { dispatchers, signal, retryMs: own = defaultRetryMs }: StreamOptions,
  state: StreamState,
) {
  const reply = await request(url, {
    dispatcher: dispatchers.streams,
    headers: {
      accept: "text/event-stream",
      "cache-control": "no-store",
      ...(state.lastId === "" ? {} : { "last-event-id": state.lastId }),
    },
    signal,
    headersTimeout: 30_000,
    // A stream may be silent for a minute; the server then closes it.
    bodyTimeout: 90_000,
  });
  const type = String(reply.headers["content-type"] ?? "");
  if (reply.statusCode !== 200 || !type.startsWith("text/event-stream")) {
    await reply.body.dump().catch(() => {});
    throw new RefusedStream(`HTTP ${reply.statusCode}`);
  }
  const messages: StreamMessage[] = [];
  const parser = createParser({
    onEvent: (event) => {
      if (event.id !== undefined && event.id !== "" && state.seen.has(event.id)) return;
      if (event.id !== undefined) state.seen.add(event.id);
      messages.push(...toMessages(event));
    },
    onId: (id) => {
      state.lastId = id;
    },
    onRetry: (ms) => {
      state.retryMs = Math.min(Math.max(ms, own), longestRetryMs);
    },
    maxBufferSize: maxEventLength,
  });
  const decoder = new TextDecoder();
  for await (const chunk of reply.body as AsyncIterable<Buffer>) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* messages.splice(0);
  }
}

function toMessages({ event, data }: EventSourceMessage): StreamMessage[] {
  if (event === "output") return [{ kind: "output", value: data }];
  if (event === "logs") return [{ kind: "logs", text: data }];
  // What an `error` means stands in the prediction itself.
  return event === "done" || event === "error" ? [{ kind: "done" }] : [];
}
