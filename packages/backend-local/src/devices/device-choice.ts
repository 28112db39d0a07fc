import { type DeviceName, deviceNames } from "./device-name.ts";

/** A device as an option names it. */
export interface DeviceChoice {
  readonly name: DeviceName | "auto";
  /** Which of several: a number, or for WebGPU a driver's name. */
  readonly which?: string;
}

/** Devices that can be told which of several adapters to take, and how. */
const adapters: Partial<Record<DeviceName, { pattern: RegExp; says: string }>> = {
  cuda: { pattern: /^\d{1,3}$/, says: "the card's number, as in cuda:1" },
  directml: { pattern: /^\d{1,3}$/, says: "the adapter's number, as in directml:1" },
  webgpu: { pattern: /^[\w.-]{1,64}$/, says: "a part of its Vulkan driver's name, as in webgpu:nvidia (Linux)" },
};

/** What `device` may be, for messages. */
export const deviceUsage = `must be "auto", ${deviceNames.map((name) => `"${name}"`).join(", ")}, or one of several adapters, as in "cuda:1"`;

/** Reads `"auto"`, `"cuda"`, `"cuda:1"`, `"webgpu:nvidia"`. Nothing, where it is none of these. */
export function parseDevice(text: string): DeviceChoice | undefined {
  if (text === "auto") return { name: "auto" };
  const [given = "", ...rest] = text.split(":");
  const name = deviceNames.find((known) => known === given);
  if (name === undefined) return undefined;
  if (rest.length === 0) return { name };
  const which = rest.join(":");
  return adapters[name]?.pattern.test(which) ? { name, which } : undefined;
}

/** What has to be in the environment of the process that is to compute on it: Vulkan's loader then offers that driver alone. */
export function deviceEnvironment(device: string): NodeJS.ProcessEnv {
  const { name, which } = parseDevice(device) ?? {};
  return name === "webgpu" && which !== undefined ? { VK_LOADER_DRIVERS_SELECT: `*${which}*` } : {};
}
