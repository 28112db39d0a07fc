import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import type { EngineLink, EngineListener } from "./link.ts";
import { withoutTelemetry } from "./no-telemetry.ts";
import { engineProgram } from "./program.ts";
import type { EngineSettings, FromEngine, ToEngine } from "./protocol.ts";

/**
 * Starts an engine in a worker thread. It is asked to end and never terminated: onnxruntime aborts the whole process when
 * its thread is taken away in the middle of a run.
 */
export function startThread(settings: EngineSettings, output: "ignore" | "inherit", to: EngineListener): EngineLink {
  // Native code sees this process's own environment, not a worker's copy of it.
  Object.assign(process.env, withoutTelemetry(process.env));
  const { file, execArgv } = engineProgram();
  const worker = new Worker(pathToFileURL(file), {
    argv: [JSON.stringify(settings)],
    execArgv: execArgv.filter((option) => option.startsWith("--conditions")),
    stdout: output === "ignore",
    stderr: output === "ignore",
  });
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  let failure = "";
  worker.on("message", (message: FromEngine) => to.onMessage(message));
  worker.once("error", (error: Error) => {
    failure = error.message;
  });
  worker.once("exit", (code) => {
    resolve();
    to.onExit({ code, signal: null, output: failure, outOfMemory: false });
  });

  return {
    killable: false,
    send: (message) => worker.postMessage(message),
    stop() {
      worker.postMessage({ type: "close" } satisfies ToEngine);
      return gone;
    },
    ref: () => worker.ref(),
    unref: () => worker.unref(),
  };
}
