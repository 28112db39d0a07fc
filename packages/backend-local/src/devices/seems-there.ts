import { existsSync, readdirSync } from "node:fs";
import type { DeviceName } from "./device-name.ts";

/**
 * Whether there is any sign of a device, seen without loading a driver: a machine without one is to lose no time. Wrong signs are found out by
 * the probe.
 */
export function seemsThere(device: DeviceName, env: NodeJS.ProcessEnv = process.env): boolean {
  if (device === "cpu" || process.platform !== "linux") return true;
  const nvidia = ["/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg"].some((path) => existsSync(path));
  if (device === "cuda") return nvidia;
  const named = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES"].some((name) => (env[name] ?? "") !== "");
  return nvidia || named || hasRenderNode();
}

function hasRenderNode(): boolean {
  try {
    return readdirSync("/dev/dri").some((name) => name.startsWith("renderD"));
  } catch {
    return false;
  }
}
