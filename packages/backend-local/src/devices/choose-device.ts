import { ConfigError, type WarningEvent } from "@latentkit/core";
import { type Device, type Precision, providerOf } from "./device.ts";
import { type DeviceChoice, parseDevice } from "./device-choice.ts";
import { type DeviceName, deviceNames } from "./device-name.ts";
import { dialectOf } from "./dialect.ts";
import { missingHint } from "./missing-hint.ts";
import { type AskedPrecision, precisionOn } from "./precision.ts";
import { probeOf } from "./probe/probe-of.ts";
import { isRight, type ProbeReport } from "./probe/probe-report.ts";
import { seemsThere } from "./seems-there.ts";

/** What an engine is told of devices. */
export interface DeviceSettings {
  /** As {@link parseDevice} reads it. Default: the CPU. */
  readonly device?: string | undefined;
  /** The option that it was given by, for messages. */
  readonly option?: "device" | "executionProvider" | undefined;
  readonly precision?: AskedPrecision | undefined;
  /** Where onnxruntime-node lies, where the user said. */
  readonly onnxruntime?: string | undefined;
  /** Why no device but the CPU is to be taken: one has failed at work. */
  readonly failed?: string | undefined;
  /** Why float32 is to be taken: a lower precision has overflowed at work. */
  readonly overflowed?: string | undefined;
}

/** The onnxruntime that there is. */
export interface RuntimeFacts {
  readonly version: string;
  /** Its own names of what it can compute on. */
  readonly available: readonly string[];
}

/** A device, and what the user is to hear of the choice. */
export interface ChosenDevice {
  readonly device: Device;
  readonly warnings: readonly WarningEvent[];
}

/** What "auto" tries, the best first. CoreML takes graphs of fixed sizes alone, and is taken when it is named. */
const candidates: readonly DeviceName[] = ["cuda", "webgpu", "directml"];

/** How many times as fast as the CPU a device has to be: what is slower would rather be in the way. */
const fasterThanCpu = 2;

type Probe = (device: DeviceName, deviceId?: number) => Promise<ProbeReport>;

/**
 * Decides what networks run on.
 *
 * @throws ConfigError where a device or a precision was asked for by name and can't be had.
 */
export async function chooseDevice(
  settings: DeviceSettings,
  facts: RuntimeFacts,
  probe: Probe = (device, deviceId) =>
    probeOf({ device, deviceId, onnxruntime: settings.onnxruntime }, facts.version, settings.device !== "auto"),
): Promise<ChosenDevice> {
  const choice = parseDevice(settings.device ?? "cpu") ?? { name: "cpu" };
  const { overflowed } = settings;
  const own = overflowed === undefined ? settings : { ...settings, precision: "float32" as const };
  const { device, warnings } = await chosen(choice, own, facts, probe);
  const noted = overflowed === undefined ? [] : [precisionFallback(overflowed)];
  return { device, warnings: [...noted, ...warnings] };
}

async function chosen(
  choice: DeviceChoice,
  settings: DeviceSettings,
  facts: RuntimeFacts,
  probe: Probe,
): Promise<ChosenDevice> {
  const reason = settings.device === undefined ? "it is the default" : "it was asked for";
  switch (choice.name) {
    case "auto":
      return automatic(settings, facts, probe);
    case "cpu":
      return { device: cpu(settings, reason), warnings: [] };
    default:
      return { device: await named(choice, choice.name, settings, facts, probe), warnings: [] };
  }
}

async function named(
  choice: DeviceChoice,
  name: DeviceName,
  settings: DeviceSettings,
  { version, available }: RuntimeFacts,
  probe: Probe,
): Promise<Device> {
  const { option = "device" } = settings;
  const asked = `${option}: ${JSON.stringify(settings.device)}`;
  if (!available.includes(providerOf[name])) {
    const usable = deviceNames.filter((known) => available.includes(providerOf[known]));
    throw new ConfigError(
      `${asked} is not in this build of onnxruntime-node ${version} for ${process.platform}-${process.arch}; available: ${usable.join(", ")}`,
      { backend: "local", details: { field: option, available: usable } },
    );
  }
  const deviceId = choice.which !== undefined && /^\d+$/.test(choice.which) ? Number(choice.which) : undefined;
  const report = await probe(name, deviceId);
  if (!report.usable) {
    const hint = missingHint(name, report.why ?? "", version);
    const message = `${asked} cannot be used here: ${report.why}.${hint === undefined ? "" : ` ${hint}`}`;
    throw new ConfigError(message, { backend: "local", details: { field: option } });
  }
  return deviceOf(report, settings, "it was asked for", deviceId);
}

async function automatic(given: DeviceSettings, facts: RuntimeFacts, probe: Probe): Promise<ChosenDevice> {
  try {
    return await fastest(given, facts, probe);
  } catch (error) {
    // What "auto" takes may not have the precision; no picture is to fail for that.
    if (!isPrecisionError(error)) throw error;
    const { device, warnings } = await fastest({ ...given, precision: "auto" }, facts, probe);
    return { device, warnings: [precisionFallback(error.message), ...warnings] };
  }
}

async function fastest(settings: DeviceSettings, facts: RuntimeFacts, probe: Probe): Promise<ChosenDevice> {
  const { failed } = settings;
  if (failed !== undefined) return { device: cpu(settings, failed), warnings: [fallback(failed)] };
  const doubts: string[] = [];
  for (const name of candidates) {
    if (!facts.available.includes(providerOf[name]) || !seemsThere(name)) continue;
    const report = await probe(name);
    const doubt = doubtOf(report);
    if (doubt === undefined) {
      const { gflops = 0, cpuGflops = 1 } = report;
      const reason = `the fastest that works: ${gflops} GFLOP/s, the CPU ${cpuGflops}`;
      return { device: deviceOf(report, settings, reason), warnings: doubts.map(fallback) };
    }
    doubts.push(`${name}: ${doubt}`);
  }
  const reason = doubts.length === 0 ? "there is no sign of a GPU" : doubts.join("; ");
  return { device: cpu(settings, reason), warnings: doubts.length === 0 ? [] : [fallback(reason)] };
}

/** Why a device is not for "auto". */
function doubtOf({ usable, why = "it cannot be used", gflops = 0, cpuGflops = 0 }: ProbeReport): string | undefined {
  if (!usable) return why;
  if (gflops >= fasterThanCpu * cpuGflops) return undefined;
  return `${gflops} GFLOP/s, which is not ${fasterThanCpu} times the CPU's ${cpuGflops}`;
}

function fallback(why: string): WarningEvent {
  const message = `device: "auto" passed a GPU over, and its work is done elsewhere: ${why}`;
  return { type: "warning", code: "device_fallback", field: "device", message };
}

function precisionFallback(why: string): WarningEvent {
  return { type: "warning", code: "precision_fallback", field: "precision", message: why };
}

function isPrecisionError(error: unknown): error is ConfigError {
  return ConfigError.isInstance(error) && error.details.field === "precision";
}

/** A device as its report has it, in a precision that it has. @throws ConfigError */
export function deviceOf(
  report: ProbeReport,
  settings: Pick<DeviceSettings, "precision">,
  reason: string,
  deviceId?: number,
): Device {
  const { device: name, float16 } = report;
  const precision: Precision = precisionOn(name, settings.precision, report);
  const dialect = dialectOf(name, {
    float16,
    attention: isRight(report, "attention"),
    dequantize: isRight(report, "dequantize"),
  });
  return {
    name,
    provider: providerOf[name],
    ...(deviceId === undefined ? {} : { deviceId }),
    dialect,
    precision,
    reason,
  };
}

/** The CPU, which needs no probe. */
export function cpu({ precision }: Pick<DeviceSettings, "precision">, reason: string): Device {
  return {
    name: "cpu",
    provider: "cpu",
    dialect: dialectOf("cpu", { float16: true, attention: true, dequantize: true }),
    precision: precisionOn("cpu", precision, { float16: false }),
    reason,
  };
}
