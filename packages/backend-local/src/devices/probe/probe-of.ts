import { createHash } from "node:crypto";
import { driverFingerprint } from "./driver-fingerprint.ts";
import { cachedProbe, keepProbe } from "./probe-cache.ts";
import type { ProbeReport } from "./probe-report.ts";
import { type ProbeTask, runProbe } from "./run-probe.ts";

/**
 * A device's report: kept from an earlier probe with the same drivers, onnxruntime and environment, or made now, in a process of its own.
 *
 * @param runtime what tells one onnxruntime from another.
 */
export async function probeOf(task: ProbeTask, runtime: string): Promise<ProbeReport> {
  const what = JSON.stringify([task, runtime, driverFingerprint()]);
  const key = `${task.device} ${createHash("sha256").update(what).digest("hex").slice(0, 32)}`;
  const kept = cachedProbe(key);
  if (kept !== undefined) return kept;
  const report = await runProbe(task);
  keepProbe(key, report);
  return report;
}
