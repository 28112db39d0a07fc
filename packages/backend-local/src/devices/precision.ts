import { ConfigError } from "@latentkit/core";
import type { Precision } from "./device.ts";
import type { DeviceName } from "./device-name.ts";
import type { ProbeReport } from "./probe/probe-report.ts";

/** What `precision` may be. */
export const askedPrecisions = ["auto", "float32", "float16", "bfloat16"] as const;

/** What `precision` may be. */
export type AskedPrecision = (typeof askedPrecisions)[number];

/**
 * What a device's networks are computed in, but for those that need float32. CUDA's products of float16 are summed in float32, as fast; WebGPU's
 * in float16, so that they are only had when they are asked for.
 *
 * @throws ConfigError where the device does not have it.
 */
export function precisionOn(
  device: DeviceName,
  asked: AskedPrecision = "auto",
  { float16 }: Pick<ProbeReport, "float16">,
): Precision {
  if (asked === "auto") return device === "cuda" && float16 ? "float16" : "float32";
  if (asked === "float32") return asked;
  if (asked === "float16" && float16 && device !== "cpu" && device !== "coreml") return asked;
  const why = device === "cpu" ? "the CPU computes in float32" : `${device} does not compute in ${asked} here`;
  throw new ConfigError(`precision: "${asked}" cannot be had: ${why}; take "float32" or "auto"`, {
    backend: "local",
    details: { field: "precision" },
  });
}
