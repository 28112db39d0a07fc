import {
  ConnectionError,
  GenerationError,
  LatentKitError,
  NotFoundError,
  RateLimitError,
  TimeoutError,
} from "@latentkit/core";
import { abortReason, comfyDetails } from "../comfy-error.ts";
import type { ComfyServer } from "../server/comfy-server.ts";
import { type HistoryEntry, positionIn, type QueueSnapshot } from "../server/queue.ts";
import type { ComfySocket, SocketNews } from "../socket/comfy-socket.ts";
import type { Frame } from "../socket/frames.ts";
import { abortable } from "./abortable.ts";
import { cancelPrompt, unconfirmed } from "./cancel.ts";
import { type Standing, Watchdog } from "./watchdog.ts";

/** What is heard of a prompt: its frames, where it stands in the queue, that there is no socket, and last its history. */
export type PromptNews =
  | Frame
  | { kind: "pending"; position: number }
  | { kind: "running" }
  | { kind: "deaf"; failure: unknown }
  | { kind: "ended"; history: HistoryEntry };

/** Which prompt to follow. */
export interface Followed {
  promptId: string;
  clientId: string;
  /** News since before the prompt was queued, so that none of a fast job is missed. */
  inbox?: Inbox;
  /** Nodes whose results are waited for: once all were heard of, a job that has ended well needs no history. */
  ends?: readonly string[];
}

/** A prompt's unread news. */
export class Inbox {
  readonly #news: SocketNews[] = [];
  readonly #unlisten: () => void;
  /** `status` frames until the inbox was made: queueing the prompt must bring another. */
  readonly statusCount: number;
  /** Called at each arrival. */
  wake: () => void = () => {};

  constructor(socket: ComfySocket, promptId: string) {
    this.statusCount = socket.statusCount;
    this.#unlisten = socket.listen(promptId, (news) => {
      this.#news.push(news);
      this.wake();
    });
  }

  shift(): SocketNews | undefined {
    return this.#news.shift();
  }

  close(): void {
    this.wake = () => {};
    this.#unlisten();
  }
}

/** The history is written a moment after `execution_success`; `executing { node: null }` follows the writing. */
const historyGraceMs = 250;
/** Looks at an ended job's place, a moment apart, before its history counts as cleared. */
const looksUntilCleared = 3;
/** Jobs share a look at the queue that is this young. */
const lookAgeMs = 400;
const quickLookMs = 500;

/**
 * Follows a prompt to its end, over however many connections: events lead, and queue and history decide. Stops the
 * prompt on the server when the signal aborts, when it stalls, and when the reader leaves.
 *
 * @throws AbortedError, GenerationError when the job is lost, TimeoutError when it stalls, ConnectionError when the
 * server stays out of reach for `reconnectMs`.
 */
export async function* followPrompt(
  server: ComfyServer,
  { promptId, clientId, inbox, ends = [] }: Followed,
  signal: AbortSignal,
): AsyncGenerator<PromptNews> {
  const socket = server.socket(clientId);
  const follower = new Follower(server, socket, promptId, inbox ?? new Inbox(socket, promptId), signal);
  if (inbox !== undefined) follower.expectStatus(ends);
  try {
    await abortable(socket.ready(), signal);
    if (!socket.isOpen) yield { kind: "deaf", failure: socket.failure };
    yield* follower.news();
  } catch (error) {
    if (follower.isOver) throw error;
    follower.isOver = true;
    throw (await cancelPrompt(server, promptId)) ? error : unconfirmed(error, promptId);
  } finally {
    follower.close();
    if (!follower.isOver) await cancelPrompt(server, promptId);
  }
}

class Follower {
  /** Nothing of the prompt is left on the server, or nothing can be done about it. */
  isOver = false;
  readonly #server: ComfyServer;
  readonly #socket: ComfySocket;
  readonly #promptId: string;
  readonly #signal: AbortSignal;
  readonly #inbox: Inbox;
  readonly #watchdog: Watchdog;
  #standing: Standing | undefined;
  /** When queue or history is to be looked at next, whatever the socket says. */
  #lookAt: number;
  #lookDelayMs: number;
  #endSeen = false;
  /** Nodes whose results suffice, where all has been heard since before the prompt was queued. */
  #ends: readonly string[] = [];
  /** What the events have told of the job, for a history that somebody clears before it is read. */
  readonly #heard: HistoryEntry & { status: { messages: [string, Record<string, unknown>][] } } = {
    outputs: {},
    status: { messages: [] },
  };
  /** The end is told by what was heard. */
  #endHeard = false;
  #looksAfterEnd = 0;
  /** The sign of life since which the socket has been made anew. */
  #doubtedAt: number | undefined;
  #unreachableSince: number | undefined;
  /** The job's beginning, or the last gap: a shared look that is older would not show what happened since. */
  #blindUntil = performance.now();
  #before: { queue: string; statusCount: number; isSuspect: boolean } | undefined;

  constructor(server: ComfyServer, socket: ComfySocket, promptId: string, inbox: Inbox, signal: AbortSignal) {
    this.#server = server;
    this.#socket = socket;
    this.#inbox = inbox;
    this.#promptId = promptId;
    this.#signal = signal;
    this.#watchdog = new Watchdog(promptId, server.options);
    this.#lookDelayMs = Math.min(quickLookMs, server.options.pollMs);
    this.#lookAt = performance.now() + (socket.isOpen ? this.#lookDelayMs : 0);
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** The prompt was queued since the inbox was made: a socket that is listened to has told so. */
  expectStatus(ends: readonly string[]): void {
    this.#ends = ends;
    this.#before = { queue: "", statusCount: this.#inbox.statusCount, isSuspect: false };
  }

  close(): void {
    this.#inbox.close();
    this.#signal.removeEventListener("abort", this.#onAbort);
  }

  async *news(): AsyncGenerator<PromptNews> {
    while (true) {
      if (this.#signal.aborted) throw abortReason(this.#signal);
      for (let news = this.#inbox.shift(); news !== undefined; news = this.#inbox.shift()) {
        this.#note(news);
        if (news.kind !== "gap") yield news;
      }
      if (performance.now() < this.#lookAt) {
        await this.#wait(this.#lookAt - performance.now());
        continue;
      }
      const history = this.#endHeard ? this.#heard : await this.#look();
      if (history !== undefined) {
        // Pictures sent over the socket may still be in the inbox: the history was faster.
        for (let news = this.#inbox.shift(); news !== undefined; news = this.#inbox.shift()) {
          if (news.kind !== "gap") yield news;
        }
        this.isOver = true;
        yield { kind: "ended", history };
        return;
      }
      if (this.#told !== undefined) yield this.#told;
      this.#told = undefined;
    }
  }

  #told: PromptNews | undefined;

  /** Reads what a frame means for when to look next. */
  #note(news: SocketNews): void {
    if (news.kind === "gap") {
      this.#blindUntil = performance.now();
      this.#ends = [];
      this.#lookSoon(0);
      return;
    }
    const isOwn = news.kind !== "json" || news.data["prompt_id"] === this.#promptId;
    if (!isOwn) {
      // The queue has moved: a waiting job's place has, too.
      if (news.kind === "json" && news.type === "status" && this.#standing === "pending") this.#lookSoon(lookAgeMs);
      return;
    }
    this.#watchdog.alive();
    this.#standing = "running";
    this.#lookDelayMs = this.#server.options.pollMs;
    if (news.kind === "json") this.#hear(news.type, news.data);
    const isWritten = news.kind === "json" && news.type === "executing" && news.data["node"] === null;
    if (isWritten) {
      this.#endHeard = this.#isHeardWhole();
      this.#lookSoon(0);
    } else if (this.#endSeen) this.#lookSoon(historyGraceMs);
    else this.#lookAt = performance.now() + this.#lookDelayMs;
  }

  #hear(type: string, data: Record<string, unknown>): void {
    const { node, output } = data;
    if (type === "executed" && typeof node === "string" && typeof output === "object" && output !== null) {
      this.#heard.outputs[node] = output as HistoryEntry["outputs"][string];
    }
    if (type.startsWith("execution_")) this.#heard.status.messages.push([type, data]);
    if (this.#isEnd(type, data)) this.#endSeen = true;
  }

  /**
   * Whether the history would say nothing new: over one connection the job's beginning, its good end and the result of
   * every node that counts. What failed, what was left out and pictures over the socket are looked up.
   */
  #isHeardWhole(): boolean {
    const types = new Set(this.#heard.status.messages.map(([type]) => type));
    if (!types.has("execution_start") || !types.has("execution_success") || types.has("execution_error")) return false;
    return this.#ends.length > 0 && this.#ends.every((id) => this.#heard.outputs[id] !== undefined);
  }

  #isEnd(type: string, data: Record<string, unknown>): boolean {
    if (type === "execution_success" || type === "execution_interrupted") return true;
    // A blocked branch is reported as an error, and the other branches go on.
    return type === "execution_error" && data["exception_type"] !== "ExecutionBlocked";
  }

  /** Looks into queue and history. Returns the history when the prompt has ended. */
  async #look(): Promise<HistoryEntry | undefined> {
    try {
      const history = await abortable(this.#judge(), this.#signal);
      this.#unreachableSince = undefined;
      if (history === undefined) this.#lookSoon(this.#lookDelayMs);
      return history;
    } catch (error) {
      this.#tolerate(error);
      this.#lookSoon(Math.min(1000, this.#server.options.pollMs));
      return undefined;
    }
  }

  async #judge(): Promise<HistoryEntry | undefined> {
    if (this.#endSeen) {
      const history = await this.#server.history(this.#promptId);
      this.#lookDelayMs = Math.min(
        1000,
        this.#lookDelayMs === this.#server.options.pollMs ? 50 : this.#lookDelayMs * 2,
      );
      if (history !== undefined) return history;
    }
    const queue = await this.#server.queue(Math.min(lookAgeMs, performance.now() - this.#blindUntil));
    this.#suspectSilence(queue);
    const { workCount: signs, isOpen } = this.#socket;
    const standing = this.#watchdog.look(queue, { signs, isOpen });
    if (standing === "running") this.#doubtSocket();
    if (standing === "absent") {
      const history = await this.#server.history(this.#promptId);
      if (history !== undefined) return history;
      if (this.#endSeen) {
        // It has ended, and its history was cleared: what was heard tells as much.
        if (++this.#looksAfterEnd >= looksUntilCleared) return this.#heard;
        return undefined;
      }
      this.#watchdog.miss();
      this.#lookDelayMs = Math.min(1000, this.#server.options.pollMs);
      return undefined;
    }
    if (!this.#endSeen && this.#before?.isSuspect !== true) this.#lookDelayMs = this.#server.options.pollMs;
    if (standing === "running" && this.#standing !== "running") this.#told = { kind: "running" };
    if (standing === "pending") this.#told = { kind: "pending", position: positionIn(queue, this.#promptId) ?? 0 };
    this.#standing = standing;
    return undefined;
  }

  /**
   * The queue cannot change without a `status` to everybody who is listened to: else the socket is open and dead. The
   * frame may be on its way still, so that the next look decides.
   */
  #suspectSilence(snapshot: QueueSnapshot): void {
    const { statusCount, isOpen } = this.#socket;
    const queue = JSON.stringify(snapshot);
    const before = this.#before;
    const isSilent = isOpen && before !== undefined && before.statusCount === statusCount;
    if (isSilent && before.isSuspect) {
      this.#before = undefined;
      void this.#socket.replace();
      return;
    }
    const isSuspect = isSilent && before.queue !== queue;
    this.#before = { queue, statusCount, isSuspect };
    if (isSuspect) this.#lookDelayMs = Math.min(quickLookMs, this.#server.options.pollMs);
  }

  /** A running job has been silent for half the time that it may be: the socket may be to blame, and is made anew, once. */
  #doubtSocket(): void {
    const isSilent = this.#watchdog.silentMs > this.#server.options.stallMs / 2;
    const { lastSign } = this.#watchdog;
    if (!isSilent || this.#doubtedAt === lastSign) return;
    this.#doubtedAt = lastSign;
    void this.#socket.replace();
  }

  /**
   * A server that does not answer, or not as it should, is given time to come back: it has the job. @throws what will
   * not pass by waiting.
   */
  #tolerate(error: unknown): void {
    if (!canPass(error)) throw error;
    this.#unreachableSince ??= performance.now();
    const { reconnectMs } = this.#server.options;
    if (performance.now() - this.#unreachableSince < reconnectMs) return;
    this.isOver = true;
    throw new ConnectionError(
      `The server has been out of reach for ${reconnectMs} ms (reconnectMs): ${error.message} The job may still run there: resume it by its handle.`,
      comfyDetails({ cause: error, details: { promptId: this.#promptId, reason: "unreachable" } }),
    );
  }

  #lookSoon(delayMs: number): void {
    this.#lookAt = performance.now() + delayMs;
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      // A reader may abort while it is handed an event: nobody waited then, who could have been woken.
      if (this.#signal.aborted) return resolve();
      const timer = setTimeout(resolve, Math.max(0, ms));
      this.#inbox.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  readonly #onAbort = (): void => this.#inbox.wake();
}

/**
 * Whether waiting may mend it: no connection, a busy server, an answer that is empty, cut, or a proxy's. Keys that are
 * refused and certificates that are not trusted stay so.
 */
function canPass(error: unknown): error is LatentKitError {
  if (!LatentKitError.isInstance(error)) return false;
  const { details, retryable } = error;
  if (ConnectionError.isInstance(error)) return retryable || details["code"] === undefined;
  if (TimeoutError.isInstance(error)) return typeof details["url"] === "string";
  if (GenerationError.isInstance(error)) return retryable && typeof details["status"] === "number";
  return RateLimitError.isInstance(error) || NotFoundError.isInstance(error);
}
