import { ConfigError } from "@latentkit/core";
import type { Precision } from "./device.ts";
import type { DeviceName } from "./device-name.ts";
import type { ProbeReport } from "./probe/probe-report.ts";

/** What `precision` may be. */
export const askedPrecisions = ["auto", "float32", "float16", "bfloat16"] as const;

/** What `precision` may be. */
export type AskedPrecision = (typeof askedPrecisions)[number];

/**
 * What a device's networks are computed in: float32 unless something else was asked for.
 *
 * @throws ConfigError where the device does not have it.
 */
export function precisionOn(
  device: DeviceName,
  asked: AskedPrecision = "auto",
  { float16 }: Pick<ProbeReport, "float16">,
): Precision {
  if (asked === "auto" || asked === "float32") return "float32";
  if (asked === "float16" && float16 && device !== "cpu" && device !== "coreml") return asked;
  const why = device === "cpu" ? "the CPU computes in float32" : `${device} does not compute in ${asked} here`;
  throw new ConfigError(`precision: "${asked}" cannot be had: ${why}; take "float32" or "auto"`, {
    backend: "local",
    details: { field: "precision" },
  });
}
