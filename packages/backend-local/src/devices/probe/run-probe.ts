import { fork } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import { plugAndPlay } from "@latentkit/core";
import { withoutTelemetry } from "../../engine/no-telemetry.ts";
import { engineProgram } from "../../engine/program.ts";
import type { ProbeTarget } from "./probe-device.ts";
import type { ProbeReport } from "./probe-report.ts";

/** How long a device may take to be tried: the first time its driver compiles every kernel. */
const probeMs = 180_000;

/** What a probe's process is started with. */
export interface ProbeTask extends ProbeTarget {
  readonly onnxruntime?: string | undefined;
}

/** Whether a program's argument is for a probe. */
export function isProbe(argument: unknown): argument is { probe: ProbeTask } {
  return typeof argument === "object" && argument !== null && "probe" in argument;
}

/**
 * Tries a device in a process of its own: a driver that ends it, or never answers, does so to nothing else. It always gives a report.
 *
 * @param env what is set in the process's environment, beside this one's.
 */
export async function runProbe(task: ProbeTask, env: NodeJS.ProcessEnv = {}): Promise<ProbeReport> {
  const from = performance.now();
  const { file, execArgv } = engineProgram();
  const { NODE_OPTIONS: _, ...own } = process.env;
  const child = fork(file, [JSON.stringify({ probe: task })], {
    execArgv: [...plugAndPlay(), ...execArgv],
    env: { ...withoutTelemetry(own), ...env },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    serialization: "advanced",
    windowsHide: true,
  });
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-1024);
  });
  const { promise, resolve } = Promise.withResolvers<ProbeReport>();
  const unusable = (why: string) => {
    const ms = Math.round(performance.now() - from);
    resolve({ device: task.device, usable: false, why, float16: false, errors: {}, ms });
  };
  child.on("message", (message) => resolve(message as ProbeReport));
  child.once("error", (error) => unusable(`the probe could not be started: ${error.message}`));
  child.once("close", (code, signal) => {
    const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
    const last = said.trim().split("\n").at(-1) ?? "";
    unusable(`trying it ended the process that tried (it ${how})${last === "" ? "" : `: ${last}`}`);
  });
  const late = new AbortController();
  void setTimeout(probeMs, undefined, { signal: late.signal, ref: false }).then(
    () => unusable(`it did not answer within ${probeMs / 1000} s`),
    () => {},
  );
  try {
    return await promise;
  } finally {
    late.abort();
    child.kill("SIGKILL");
  }
}
