import { controlNetConfig } from "../../networks/controlnet/controlnet-config.ts";
import { t2iAdapterConfig } from "../../networks/t2i-adapter/t2i-adapter.ts";
import type { ControlInput } from "./control-input.ts";
import type { Values } from "./residuals.ts";

/** A control picture as its network takes it: `[1, channels, height, width]`, 0 to 1; what inpainting leaves open is −1. */
export function toControlPlanes({ pixels, source, hidden }: ControlInput): Values {
  const { width, height, channels: stored, data } = pixels;
  const channels =
    source.kind === "controlnet"
      ? controlNetConfig(source.config).conditioning_channels
      : t2iAdapterConfig(source.config).in_channels;
  const n = width * height;
  const planes = new Float32Array(channels * n);
  for (let i = 0; i < n; i++) {
    const at = i * stored;
    const open = hidden?.[i] === 1;
    for (let c = 0; c < channels; c++) {
      const value = channels === 1 ? luma(data, at) : (data[at + Math.min(c, 2)] ?? 0);
      planes[c * n + i] = open ? -1 : Math.fround(value / 255);
    }
  }
  return { data: planes, dims: [1, channels, height, width] };
}

/** ITU-R 601 luma in Pillow's whole numbers. */
export function luma(data: Uint8Array, at: number): number {
  return (data[at]! * 19595 + data[at + 1]! * 38470 + data[at + 2]! * 7471 + 32768) >> 16;
}
