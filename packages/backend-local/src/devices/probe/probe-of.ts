import { createHash } from "node:crypto";
import { driverFingerprint } from "./driver-fingerprint.ts";
import { cachedProbe, keepProbe } from "./probe-cache.ts";
import type { ProbeReport } from "./probe-report.ts";
import { type ProbeTask, runProbe } from "./run-probe.ts";

/**
 * A device's report: kept from an earlier probe with the same drivers, onnxruntime and environment, or made now, in a process of its own.
 *
 * @param runtime what tells one onnxruntime from another.
 * @param isNamed whether it was asked for by name: then one that could not be used is tried again, since it may be mended by now.
 */
export async function probeOf(task: ProbeTask, runtime: string, isNamed = false): Promise<ProbeReport> {
  const kept = cachedProbe(keyOf(task, runtime));
  if (kept !== undefined && (kept.usable || !isNamed)) return kept;
  const report = await runProbe(task);
  keepReport(task, runtime, report);
  return report;
}

/** Keeps a report for {@link probeOf}. */
export function keepReport(task: ProbeTask, runtime: string, report: ProbeReport): void {
  keepProbe(keyOf(task, runtime), report);
}

/** Changes with what a probe tries: what an earlier one found says nothing then. */
const revision = 2;

function keyOf({ device, deviceId, onnxruntime }: ProbeTask, runtime: string): string {
  const what = JSON.stringify([revision, device, deviceId ?? null, onnxruntime ?? null, runtime, driverFingerprint()]);
  return `${device} ${createHash("sha256").update(what).digest("hex").slice(0, 32)}`;
}
