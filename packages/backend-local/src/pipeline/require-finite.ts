import { GenerationError } from "@latentkit/core";
import type { Device } from "../devices/device.ts";

/** Refuses values that are no numbers or infinite: what is made of them would be black, and would not say so. @throws GenerationError */
export function requireFinite(
  values: Float32Array,
  network: string,
  device?: Pick<Device, "name" | "precision">,
): void {
  for (const value of values) {
    // Of both, the difference from itself is no number.
    if (value - value === 0) continue;
    const kind = Number.isNaN(value) ? "are no numbers (NaN)" : "are infinite";
    const where = device === undefined ? "" : ` on the GPU (${device.name}), in ${device.precision}`;
    const room = device?.precision === "float16" ? 'float16 ends at 65504 (precision: "float32" has more room), ' : "";
    const message = `The ${network} gave values that ${kind}${where}: ${room}its weights may be damaged, or not be of this model.`;
    const on = device === undefined ? {} : { device: device.name, precision: device.precision };
    throw new GenerationError(message, { backend: "local", details: { network, ...on } });
  }
}
