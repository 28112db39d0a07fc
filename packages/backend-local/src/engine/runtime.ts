import type { WarningEvent } from "@latentkit/core";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { chooseDevice, type DeviceSettings } from "../devices/choose-device.ts";
import type { Device } from "../devices/device.ts";
import { importOnnxruntime } from "./import-onnxruntime.ts";
import type { EngineSettings } from "./protocol.ts";

/** onnxruntime, ready to make sessions. */
export interface Runtime {
  readonly InferenceSession: typeof InferenceSession;
  readonly Tensor: typeof Tensor;
  /** What networks run on. */
  readonly device: Device;
  /** What the choice of the device has to say to the user. */
  readonly warnings: readonly WarningEvent[];
  /** Version of onnxruntime-node. */
  readonly version: string;
  /** Most bytes that the engine is to take of its own, where there is a bound. */
  readonly maxMemory?: number | undefined;
  /** What every session is given beside its graph's own options. */
  readonly sessionOptions: InferenceSession.SessionOptions;
}

/**
 * Loads onnxruntime-node and decides what it is to compute on.
 *
 * @throws EngineError when it does not load on this platform, ConfigError when a device that was asked for by name can't be used.
 */
export async function loadRuntime({
  threads,
  maxMemory,
  ...settings
}: DeviceSettings & Pick<EngineSettings, "threads" | "maxMemory">): Promise<Runtime> {
  const ort = await importOnnxruntime(settings.onnxruntime);
  const version = ort.env.versions.node ?? "unknown";
  const available = ort.listSupportedBackends().map(({ name }) => name);
  const { device, warnings } = await chooseDevice(settings, { version, available });
  return {
    device,
    warnings,
    maxMemory,
    InferenceSession: ort.InferenceSession,
    Tensor: ort.Tensor,
    version,
    sessionOptions: {
      executionProviders: ["cpu"],
      // Its warnings are about our graphs, not the user's model: only errors are kept, for a crash's message.
      logSeverityLevel: 3,
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    },
  };
}
