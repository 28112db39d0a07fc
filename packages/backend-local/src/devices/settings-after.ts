import type { DeviceSettings } from "./choose-device.ts";
import { isDeviceError } from "./device-error.ts";

/**
 * How to go on where a device failed at work: in float32 where a lower precision, that nobody asked for, overflowed; on the CPU where any device would
 * do. Nothing, where the error is to stand.
 */
export function settingsAfter<Settings extends DeviceSettings>(
  settings: Settings,
  error: unknown,
): Settings | undefined {
  if (!isDeviceError(error)) return undefined;
  const { message, details } = error;
  const { precision = "auto", device, failed, overflowed } = settings;
  const isLower = details.precision !== undefined && details.precision !== "float32";
  if (isLower && precision === "auto" && overflowed === undefined) return { ...settings, overflowed: message };
  return device === "auto" && failed === undefined ? { ...settings, failed: message } : undefined;
}
