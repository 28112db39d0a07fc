import { DisposedError, EngineError } from "@latentkit/core";
import { crashError, reviveError } from "../local-error.ts";
import type { Model } from "../models/model.ts";
import { Inbox } from "./inbox.ts";
import type { EngineLink } from "./link.ts";
import { startProcess } from "./process-link.ts";
import type { EngineEvent, EngineJob, EngineSettings, FromEngine, ToEngine } from "./protocol.ts";
import { startThread } from "./thread-link.ts";
import { type Turn, Turns } from "./turns.ts";

/** How long the engine may take to notice a cancel, between two steps, before its process is killed. */
const cancelGraceMs = 1500;

/** The longest time that a timer takes. */
const maxTimeoutMs = 2 ** 31 - 1;

/** Where and how the engine runs. */
export interface EngineOptions {
  settings: EngineSettings;
  isolation: "process" | "thread";
  output: "ignore" | "inherit";
  /** Milliseconds without a task after which the engine ends; the next task starts another. */
  idleMs: number;
  /** Milliseconds of silence in a task after which the engine is taken for deaf and ended. */
  stallMs: number;
}

/** How long an engine may take to start, on a machine that is busy. */
const startMs = 120_000;

type Reply = Exclude<FromEngine, { type: "event" | "ready" }>;
type Task = { type: "run"; job: EngineJob } | { type: "warm-up"; model: Model };

interface Conversation {
  readonly id: number;
  readonly link: EngineLink;
  readonly inbox: Inbox<FromEngine>;
  /** Whether the engine has said anything yet. */
  heard: boolean;
  /** What it computes on, once it has said so. */
  device?: string | undefined;
  /** Whether it went away, or had to be ended, in the middle of the work. */
  lost: boolean;
  ended: boolean;
}

/**
 * The engine as the backend uses it: started when first needed, one task at a time, first come first served, replaced
 * after a crash.
 */
export class Engine {
  readonly #options: EngineOptions;
  readonly #turns = new Turns();
  #link: EngineLink | undefined;
  #current: Conversation | undefined;
  #lastId = 0;
  #idle: NodeJS.Timeout | undefined;
  #disposed = false;
  /** Why the engine that is started next is to do without the device. */
  #failed: string | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** Joins the line: `position` is how many tasks are before it. */
  queue(): Turn {
    return this.#turns.join();
  }

  /**
   * Runs a job. The turn is left when the engine is free again, also when the reader stops early.
   *
   * @throws the signal's reason, EngineError or OutOfMemoryError when the engine is lost, and the job's own errors.
   */
  async *run(job: EngineJob, turn: Turn, signal: AbortSignal): AsyncGenerator<EngineEvent> {
    yield* this.#converse({ type: "run", job }, turn, signal);
  }

  /** Starts the engine and loads a model's networks. */
  async warmUp(model: Model, signal: AbortSignal): Promise<void> {
    for await (const _ of this.#converse({ type: "warm-up", model }, this.queue(), signal));
  }

  /** Ends the engine, and with it whatever runs: a process at once, a thread at the end of its step. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#idle);
    const link = this.#link;
    if (link === undefined) return;
    if (!link.killable && this.#current !== undefined) link.send({ type: "cancel", id: this.#current.id });
    link.ref();
    await link.stop();
  }

  async *#converse(task: Task, turn: Turn, signal: AbortSignal): AsyncGenerator<EngineEvent> {
    try {
      await turn.wait(signal);
      if (this.#disposed) throw disposed();
      const reused = this.#link !== undefined;
      const conversation = this.#open();
      try {
        yield* this.#hold(conversation, task, signal);
      } catch (error) {
        // An engine that died while it was idle may be noticed only now: the task is not to blame.
        if (this.#disposed || signal.aborted) throw error;
        if (reused && !conversation.heard && this.#link !== conversation.link)
          yield* this.#hold(this.#open(), task, signal);
        else if (this.#isDevices(conversation)) yield* this.#withoutDevice(task, signal, error as Error);
        else throw error;
      }
    } finally {
      turn.leave();
      this.#rest();
    }
  }

  /** Whether an engine was lost that may have been ended by a GPU's driver, where any device would do. */
  #isDevices({ lost, device }: Conversation): boolean {
    return lost && device !== "cpu" && this.#options.settings.device === "auto";
  }

  /** Does a task on the CPU, in an engine for this task alone: the next one may find the device well again. */
  async *#withoutDevice(task: Task, signal: AbortSignal, { message }: Error): AsyncGenerator<EngineEvent> {
    this.#failed = message;
    try {
      yield* this.#hold(this.#open(), task, signal);
    } finally {
      this.#failed = undefined;
      await this.#link?.stop();
    }
  }

  /** Ends the engine after a while in which nobody wants it. */
  #rest(): void {
    clearTimeout(this.#idle);
    const { idleMs } = this.#options;
    if (idleMs > maxTimeoutMs) return;
    this.#idle = setTimeout(() => {
      const link = this.#link;
      if (link === undefined || !this.#turns.empty) return;
      this.#link = undefined;
      void link.stop();
    }, idleMs).unref();
  }

  #open(): Conversation {
    clearTimeout(this.#idle);
    this.#link ??= this.#start();
    const conversation = {
      id: ++this.#lastId,
      link: this.#link,
      inbox: new Inbox<FromEngine>(),
      heard: false,
      lost: false,
      ended: false,
    };
    this.#current = conversation;
    return conversation;
  }

  async *#hold(conversation: Conversation, task: Task, signal: AbortSignal): AsyncGenerator<EngineEvent> {
    const { id, link } = conversation;
    link.ref();
    const cancel = canceller(link, id);
    signal.addEventListener("abort", cancel, { once: true });
    try {
      link.send({ ...task, id } as ToEngine);
      yield* this.#read(conversation, signal);
    } finally {
      if (!conversation.ended) cancel();
      await this.#drain(conversation);
      signal.removeEventListener("abort", cancel);
      cancel.done();
      this.#current = undefined;
      link.unref();
    }
  }

  async *#read(conversation: Conversation, signal: AbortSignal): AsyncGenerator<EngineEvent> {
    while (true) {
      const message = await this.#next(conversation, signal);
      if (message.type === "event") {
        if (message.event.type === "started") conversation.device = message.event.device?.name;
        yield message.event;
      } else if (message.type === "failed") {
        // What could not be loaded once is tried anew, in an engine of its own.
        if (message.retire) await conversation.link.stop();
        signal.throwIfAborted();
        throw reviveError(message.error);
      } else if (message.type === "done") {
        if (message.retire) await conversation.link.stop();
        return;
      }
    }
  }

  async #next(conversation: Conversation, signal?: AbortSignal): Promise<FromEngine> {
    const { stallMs } = this.#options;
    const { link } = conversation;
    let isDeaf = false;
    const timer =
      link.killable && stallMs <= maxTimeoutMs
        ? setTimeout(() => {
            isDeaf = true;
            void link.stop();
          }, stallMs)
        : undefined;
    try {
      const message = await conversation.inbox.take();
      conversation.heard = true;
      if (isReply(message)) conversation.ended = true;
      return message;
    } catch (error) {
      conversation.ended = true;
      conversation.lost = true;
      // An engine that was killed because of a cancel is a cancel.
      signal?.throwIfAborted();
      throw isDeaf ? deaf(`has not answered for ${stallMs} ms (stallMs)`) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Reads on until the engine is free. */
  async #drain(conversation: Conversation): Promise<void> {
    while (!conversation.ended) await this.#next(conversation).catch(() => {});
  }

  #start(): EngineLink {
    const { isolation, output } = this.#options;
    const failed = this.#failed;
    const settings = { ...this.#options.settings, ...(failed === undefined ? {} : { failed }) };
    const start = isolation === "thread" ? startThread : startProcess;
    let link: EngineLink | undefined;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      if (link?.killable) void link.stop();
    }, startMs);
    timer.unref();
    const forget = () => {
      clearTimeout(timer);
      if (this.#link === link) this.#link = undefined;
    };
    try {
      link = start(settings, output, {
        onMessage: (message) => {
          if (message.type === "ready") clearTimeout(timer);
          else if (message.id === this.#current?.id) this.#current.inbox.push(message);
        },
        onExit: (exit) => {
          forget();
          if (this.#current?.link === link) {
            const why = isLate ? deaf(`did not start within ${startMs} ms`) : crashError(exit);
            this.#current?.inbox.fail(this.#disposed ? disposed() : why);
          }
        },
      });
      return link;
    } catch (cause) {
      clearTimeout(timer);
      throw new EngineError(`The engine could not be started: ${(cause as Error).message}`, {
        backend: "local",
        cause,
      });
    }
  }
}

function disposed(): DisposedError {
  return new DisposedError("This local backend was disposed; make a new one.", { backend: "local" });
}

function deaf(what: string): EngineError {
  return new EngineError(`The engine process ${what} and was ended; the next request starts a fresh one.`, {
    backend: "local",
  });
}

/** Asks the engine to stop, and kills one that does not listen. */
function canceller(link: EngineLink, id: number): (() => void) & { done(): void } {
  let timer: NodeJS.Timeout | undefined;
  const cancel = () => {
    link.send({ type: "cancel", id });
    if (link.killable) timer ??= setTimeout(() => void link.stop(), cancelGraceMs);
  };
  return Object.assign(cancel, { done: () => clearTimeout(timer) });
}

function isReply(message: FromEngine): message is Reply {
  return message.type !== "event" && message.type !== "ready";
}
