import { AbortedError } from "@latentkit/core";

/** Signals that end a run, with the exit code that shells give them: 128 + the signal's number. */
const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** A run's tie to Ctrl-C. */
export interface Interrupt {
  /** Aborts at the first Ctrl-C (or SIGTERM, SIGHUP). */
  signal: AbortSignal;
  /** What to exit with once it has aborted. */
  readonly exitCode: number;
  release(): void;
}

/** The first signal cancels the work and lets it clean up; a second ends the process at once. */
export function onInterrupt(): Interrupt {
  const controller = new AbortController();
  let exitCode = 130;
  const handlers = Object.entries(exitCodes).map(([name, code]) => {
    const handler = () => {
      if (controller.signal.aborted) process.exit(code);
      exitCode = code;
      controller.abort(new AbortedError("Interrupted."));
    };
    process.on(name, handler);
    return [name, handler] as const;
  });
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    release: () => {
      for (const [name, handler] of handlers) process.off(name, handler);
    },
  };
}
