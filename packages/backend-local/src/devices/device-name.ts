/** Where networks can be run. */
export const deviceNames = ["cpu", "cuda", "webgpu", "directml", "coreml"] as const;

/** `"cpu"`, `"cuda"`, `"webgpu"`, `"directml"` or `"coreml"`. */
export type DeviceName = (typeof deviceNames)[number];
