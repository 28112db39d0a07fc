import type { ResolvedOptions } from "../comfy-options.ts";
import { Connection } from "./connection.ts";
import type { Frame } from "./frames.ts";

/** What a job hears: frames, and that frames may have been missed. */
export type SocketNews = Frame | { kind: "gap" };
/** A job's ear. */
export type Listener = (news: SocketNews) => void;

const firstDelayMs = 250;
const longestDelayMs = 5_000;
/** A connection that is not open after this long most likely never will be. */
const longOpenMs = 1_000;
/** The socket outlives the last job by this much, so that jobs in a row share it. */
const lingerMs = 1_000;

/**
 * The socket that all jobs of one client id share. It opens with the first listener, comes back by itself after a
 * break, and closes after the last. There is no replay on the server's side: each connection but the first begins with
 * `gap`, and whoever listens must look into queue and history.
 */
export class ComfySocket {
  readonly clientId: string;
  readonly #options: ResolvedOptions;
  readonly #listeners = new Map<string, Set<Listener>>();
  #connection: Connection | undefined;
  #opening: Promise<void> | undefined;
  #closing: Promise<void> = Promise.resolve();
  #linger: NodeJS.Timeout | undefined;
  /** The prompt that the last event named: whose the frames without a name are. */
  #current: string | undefined;
  #statusCount = 0;
  #workCount = 0;
  #failure: unknown;
  /** The last attempt was swallowed, not refused: nobody waits for the next ones. */
  #isSwallowed = false;
  readonly #disposal = new AbortController();

  constructor(options: ResolvedOptions, clientId: string) {
    this.#options = options;
    this.clientId = clientId;
  }

  get isOpen(): boolean {
    return this.#connection !== undefined;
  }

  /** Why there is no connection: the last attempt's error. */
  get failure(): unknown {
    return this.#failure;
  }

  /** How many `status` frames have come: the queue cannot change without one, so that silence betrays a dead socket. */
  get statusCount(): number {
    return this.#statusCount;
  }

  /** How many frames of work have come, whosever: the server sends everybody those of jobs without a client id. */
  get workCount(): number {
    return this.#workCount;
  }

  /** Hears a prompt's frames until the returned function is called. */
  listen(promptId: string, listener: Listener): () => void {
    clearTimeout(this.#linger);
    const ears = this.#listeners.get(promptId) ?? new Set();
    this.#listeners.set(promptId, ears.add(listener));
    return () => {
      // Called a second time, it must not start a second countdown.
      if (!ears.delete(listener)) return;
      if (ears.size === 0 && this.#listeners.get(promptId) === ears) this.#listeners.delete(promptId);
      this.#lingerIfIdle();
    };
  }

  /**
   * Resolves once a connection is open, or could not be opened: a job can be followed without one. Where the last
   * attempt got no answer at all, the next is not waited for.
   */
  async ready(): Promise<void> {
    if (this.#connection !== undefined || this.#isDisposed) return;
    this.#opening ??= this.#open(0).finally(() => {
      this.#opening = undefined;
    });
    if (!this.#isSwallowed) await this.#opening;
  }

  /** Puts a fresh connection in place of one that has gone silent. */
  async replace(): Promise<void> {
    const stale = this.#connection;
    if (stale === undefined) return this.ready();
    await stale.close();
  }

  async dispose(): Promise<void> {
    this.#disposal.abort();
    this.#listeners.clear();
    clearTimeout(this.#linger);
    await this.#shut();
  }

  /** One attempt; when it fails, the next ones follow on their own for as long as somebody listens. */
  async #open(attempt: number): Promise<void> {
    await this.#closing;
    const { signal } = this.#disposal;
    const begun = performance.now();
    try {
      const connection = await Connection.open(this.#options, this.clientId, (frame) => this.#dispatch(frame), signal);
      this.#connection = connection;
      this.#failure = undefined;
      this.#isSwallowed = false;
      void connection.closed.then(() => this.#lost(connection));
      if (attempt > 0) this.#tellAll({ kind: "gap" });
      if (this.#isDisposed) await this.#shut();
      else this.#lingerIfIdle();
    } catch (error) {
      this.#failure = error;
      this.#isSwallowed = performance.now() - begun > longOpenMs;
      this.#retryLater(attempt + 1);
    }
  }

  get #isDisposed(): boolean {
    return this.#disposal.signal.aborted;
  }

  /** The last job may have left while the connection was being opened. */
  #lingerIfIdle(): void {
    clearTimeout(this.#linger);
    if (this.#listeners.size === 0) this.#linger = setTimeout(() => void this.#shut(), lingerMs);
  }

  #lost(connection: Connection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#tellAll({ kind: "gap" });
    this.#retryLater(1);
  }

  #retryLater(attempt: number): void {
    if (this.#listeners.size === 0 || this.#isDisposed) return;
    const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2);
    setTimeout(() => {
      if (this.#listeners.size === 0 || this.#connection !== undefined || this.#isDisposed) return;
      this.#opening ??= this.#open(attempt).finally(() => {
        this.#opening = undefined;
      });
    }, delay).unref();
  }

  async #shut(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    // The next connection under this id waits for the server's goodbye: a late clean-up would take it down.
    this.#closing = connection.close();
    await this.#closing;
  }

  #dispatch(frame: Frame): void {
    if (frame.kind !== "json" || typeof frame.data["prompt_id"] === "string") this.#workCount++;
    if (frame.kind === "json") {
      if (frame.type === "status") this.#statusCount++;
      const promptId = frame.data["prompt_id"];
      if (typeof promptId === "string") {
        this.#current = frame.type === "executing" && frame.data["node"] === null ? undefined : promptId;
        this.#tell(promptId, frame);
      } else {
        this.#tellAll(frame);
      }
      return;
    }
    const owner = (frame.kind === "image" ? frame.promptId : undefined) ?? this.#current;
    if (owner !== undefined) this.#tell(owner, frame);
  }

  #tell(promptId: string, news: SocketNews): void {
    for (const listener of [...(this.#listeners.get(promptId) ?? [])]) listener(news);
  }

  #tellAll(news: SocketNews): void {
    for (const promptId of [...this.#listeners.keys()]) this.#tell(promptId, news);
  }
}
