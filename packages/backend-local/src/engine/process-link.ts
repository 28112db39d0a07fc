import { fork } from "node:child_process";
import { plugAndPlay } from "@latentkit/core";
import { deviceEnvironment } from "../devices/device-choice.ts";
import { withHugePages } from "./huge-pages.ts";
import type { EngineLink, EngineListener } from "./link.ts";
import { withoutTelemetry } from "./no-telemetry.ts";
import { oomKills } from "./oom-kills.ts";
import { engineProgram } from "./program.ts";
import type { EngineSettings, FromEngine } from "./protocol.ts";

/** How much of the engine's stderr is kept for the message of a crash. */
const keptOutput = 4096;

/** Starts an engine in a child process. It ends with this process, however that ends: its channel closes. */
export function startProcess(settings: EngineSettings, output: "ignore" | "inherit", to: EngineListener): EngineLink {
  // Loaders, inspectors and hooks that this process was started with are not the engine's.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const killsBefore = oomKills();
  const { file, execArgv } = engineProgram();
  const child = fork(file, [JSON.stringify(settings)], {
    serialization: "advanced",
    execArgv: [...plugAndPlay(), ...execArgv],
    env: { ...withHugePages(withoutTelemetry(env)), ...deviceEnvironment(settings.device ?? "cpu") },
    stdio: ["ignore", output, output === "inherit" ? "inherit" : "pipe", "ipc"],
    windowsHide: true,
  });
  let written = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    written = (written + text).slice(-keptOutput);
  });
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  const onGone = (code: number | null, signal: string | null, why = written) => {
    resolve();
    const outOfMemory = signal === "SIGKILL" && oomKills() !== killsBefore;
    to.onExit({ code, signal, output: why, outOfMemory });
  };
  child.on("message", (message) => to.onMessage(message as FromEngine));
  child.once("error", (error) => {
    // A child that never was gives no other sign; one that is there cannot be talked to, and must go.
    if (child.pid === undefined) onGone(null, null, error.message);
    else child.kill("SIGKILL");
  });
  child.once("close", onGone);
  const stderr = child.stderr as unknown as { ref(): void; unref(): void } | null;

  return {
    killable: true,
    // A failure to send means that the engine is going; `close` tells why.
    send: (message) => void child.send(message, () => {}),
    stop() {
      child.kill("SIGKILL");
      return gone;
    },
    ref() {
      child.ref();
      // Bun's channel has neither; and a stream that was referenced again there never lets the program end.
      child.channel?.ref?.();
      if (process.versions.bun === undefined) stderr?.ref();
    },
    unref() {
      child.unref();
      child.channel?.unref?.();
      stderr?.unref();
    },
  };
}
