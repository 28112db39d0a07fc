import type { EngineExit } from "../local-error.ts";
import type { FromEngine, ToEngine } from "./protocol.ts";

/** A live engine as this process sees it, be it a child process or a thread. */
export interface EngineLink {
  send(message: ToEngine): void;
  /** Ends it: at once for a process, between two runs for a thread. Resolves when it is gone. */
  stop(): Promise<void>;
  /** Whether `stop` may be used in the middle of a run. */
  readonly killable: boolean;
  /** A running job keeps this process alive, an idle engine does not. */
  ref(): void;
  unref(): void;
}

/** Who listens to an engine. */
export interface EngineListener {
  onMessage(message: FromEngine): void;
  /** Called once, when the engine is gone for whatever reason. */
  onExit(exit: EngineExit): void;
}
