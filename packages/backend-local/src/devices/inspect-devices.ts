import { resolve } from "node:path";
import { chooseDevice } from "./choose-device.ts";
import { providerOf } from "./device.ts";
import { type DeviceName, deviceNames } from "./device-name.ts";
import { missingHint } from "./missing-hint.ts";
import { cards } from "./probe/driver-fingerprint.ts";
import { keepReport } from "./probe/probe-of.ts";
import { isRight, type ProbeReport, spared } from "./probe/probe-report.ts";
import { runProbe } from "./probe/run-probe.ts";
import { seemsThere } from "./seems-there.ts";

/** A device as it was found by trying it. */
export interface DeviceInfo {
  name: DeviceName;
  usable: boolean;
  /** Where it can't be used: why, and what would bring it. */
  why?: string;
  hint?: string;
  float16: boolean;
  /** Whether its MultiHeadAttention computes rightly; where it doesn't, graphs do without it. */
  attention: boolean;
  /** Kinds of kernels that compute wrongly, and that graphs do without. */
  unused: string[];
  /** Greatest relative error of each kind of kernel, against double precision. Infinite where it gave no numbers. */
  errors: Partial<Record<string, number>>;
  /** Products of matrices: thousand million operations a second. */
  gflops?: number;
  /** Milliseconds that trying it took. */
  ms: number;
}

/** What this machine has to compute on. */
export interface DevicesInfo {
  /** The runtime: its version, and the folder that it was named by, where it was. */
  onnxruntime: { version?: string; place?: string };
  /** Graphics cards by the system's numbers, `vendor:device`, where it tells (Linux). */
  cards: string[];
  devices: DeviceInfo[];
  /** What `device: "auto"` takes, and why. */
  auto: { name: DeviceName; precision: string; reason: string };
}

/** Options of {@link inspectDevices}. */
export interface InspectDevicesOptions {
  /** Folder of the onnxruntime-node to use. Default: LATENTKIT_ONNXRUNTIME, else the one that is installed. */
  onnxruntime?: string;
}

/**
 * Tries every device of this machine anew, each in a process of its own, and says what is missing where one can't be used. What earlier probes found is
 * forgotten.
 */
export async function inspectDevices(options: InspectDevicesOptions = {}): Promise<DevicesInfo> {
  const place = options.onnxruntime ?? (process.env.LATENTKIT_ONNXRUNTIME || undefined);
  const onnxruntime = place === undefined ? undefined : resolve(place);
  const reports = new Map<DeviceName, ProbeReport>();
  // One after the other: their speeds are measured.
  for (const device of deviceNames.filter(isOfPlatform)) {
    const report = await runProbe({ device, onnxruntime });
    reports.set(device, report);
  }
  const version = [...reports.values()].find((report) => report.version !== undefined)?.version;
  for (const report of reports.values()) keepReport({ device: report.device, onnxruntime }, version ?? "", report);
  const available = [...reports.keys()].map((name) => providerOf[name]);
  const { device: auto } = await chooseDevice(
    { device: "auto" },
    { version: version ?? "unknown", available },
    async (name) => reports.get(name)!,
  );
  return {
    onnxruntime: {
      ...(version === undefined ? {} : { version }),
      ...(onnxruntime === undefined ? {} : { place: onnxruntime }),
    },
    cards: cards(),
    devices: [...reports.values()].map((report) => toInfo(report, version ?? "")),
    auto: {
      name: auto.name,
      precision: auto.precision,
      reason: reports.get("cpu")?.usable ? auto.reason : "not even the CPU can be used",
    },
  };
}

/** Devices that there may be on this system at all. */
function isOfPlatform(device: DeviceName): boolean {
  if (device === "coreml") return process.platform === "darwin";
  if (device === "directml") return process.platform === "win32";
  return device !== "cuda" || process.platform === "linux";
}

function toInfo(report: ProbeReport, version: string): DeviceInfo {
  const { device: name, usable, why, float16, errors, gflops, ms } = report;
  const hint = why === undefined ? undefined : missingHint(name, why, version);
  const isAbsent = !usable && !seemsThere(name);
  return {
    name,
    usable,
    ...(why === undefined ? {} : { why: isAbsent ? `there is no sign of a card (${why})` : why }),
    ...(hint === undefined ? {} : { hint }),
    float16,
    attention: isRight(report, "attention"),
    unused: usable ? spared.filter((family) => !isRight(report, family)) : [],
    errors,
    ...(gflops === undefined ? {} : { gflops }),
    ms,
  };
}
