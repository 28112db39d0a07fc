import type { MessagePort } from "node:worker_threads";
import { endWithParent } from "./parent-watch.ts";
import type { FromEngine, ToEngine } from "./protocol.ts";

/** The engine's side of its link. */
export interface EnginePort {
  /** Resolves when the message is on its way: what is synchronous afterwards does not delay it. */
  send(message: FromEngine): Promise<void>;
  onMessage(listener: (message: ToEngine) => void): void;
  close(): void;
}

/** The link of an engine in a child process. */
export function processPort(): EnginePort {
  // Ctrl-C reaches every process of the terminal: the parent decides what becomes of the engine.
  process.on("SIGINT", () => {});
  // At once: an orderly exit would wait for the run that is going on.
  const close = () => void process.kill(process.pid, "SIGKILL");
  process.once("disconnect", close);
  endWithParent();
  return {
    send: (message) => new Promise((resolve) => process.send?.(message, undefined, {}, () => resolve())),
    onMessage: (listener) => void process.on("message", (message) => listener(message as ToEngine)),
    close,
  };
}

/** The link of an engine in a worker thread. */
export function threadPort(port: MessagePort): EnginePort {
  return {
    send: async (message) => port.postMessage(message),
    onMessage: (listener) => void port.on("message", listener),
    close: () => port.close(),
  };
}
