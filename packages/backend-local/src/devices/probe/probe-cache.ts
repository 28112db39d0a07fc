import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { deviceNames } from "../device-name.ts";
import { kernelFamilies } from "./kernels.ts";
import type { ProbeReport } from "./probe-report.ts";

/** A device is tried anew after so long, whatever looks the same: not every driver's version is seen. */
const keptMs = 7 * 24 * 3_600_000;

/** One that can't be used is tried again soon: what it lacked may have been installed, or it did not answer in time on a busy machine. */
const unusableMs = 10 * 60_000;

/** Changes when probes try other things. */
const format = 3;

const error = z.union([z.number(), z.null().transform(() => Number.POSITIVE_INFINITY)]);

const ReportSchema = z.object({
  device: z.enum(deviceNames),
  usable: z.boolean(),
  why: z.string().optional(),
  version: z.string().optional(),
  float16: z.boolean(),
  errors: z.partialRecord(z.enum(kernelFamilies), error),
  gflops: z.number().optional(),
  cpuGflops: z.number().optional(),
  ms: z.number(),
});

const CacheSchema = z.object({
  format: z.literal(format),
  reports: z.record(z.string(), z.object({ at: z.number(), report: ReportSchema })),
});

type Cache = z.infer<typeof CacheSchema>;

/** Where reports are kept: a small file in the user's cache folder. */
export function probeCacheFile(env: NodeJS.ProcessEnv = process.env): string {
  const base =
    process.platform === "win32"
      ? (env["LOCALAPPDATA"] ?? join(homedir(), "AppData", "Local"))
      : process.platform === "darwin"
        ? join(homedir(), "Library", "Caches")
        : env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return join(base, "latentkit", "devices.json");
}

/** The report that was kept under a key, unless it is old. */
export function cachedProbe(key: string, file = probeCacheFile()): ProbeReport | undefined {
  const kept = read(file).reports[key];
  const age = kept === undefined ? Number.POSITIVE_INFINITY : Date.now() - kept.at;
  return age >= 0 && age < (kept?.report.usable ? keptMs : unusableMs) ? (kept!.report as ProbeReport) : undefined;
}

/** Keeps a report. A folder that cannot be written to costs no more than another probe. */
export function keepProbe(key: string, report: ProbeReport, file = probeCacheFile()): void {
  const now = Date.now();
  const fresh = Object.entries(read(file).reports).filter(([, { at }]) => now - at < keptMs);
  const reports = { ...Object.fromEntries(fresh), [key]: { at: now, report } };
  const own = `${file}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(own, JSON.stringify({ format, reports }));
    renameSync(own, file);
  } catch {
    // The next engine tries the device itself.
  }
}

/** What is no cache of this format is as good as none. */
function read(file: string): Cache {
  try {
    return CacheSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return { format, reports: {} };
  }
}
