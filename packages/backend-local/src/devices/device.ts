import type { DeviceName } from "./device-name.ts";
import type { Dialect } from "./dialect.ts";

/** What networks are computed with. */
export type Precision = "float32" | "float16" | "bfloat16";

/** What an engine's networks run on. */
export interface Device {
  readonly name: DeviceName;
  /** onnxruntime's name of it. */
  readonly provider: string;
  /** Which of several, where the runtime can choose by number. */
  readonly deviceId?: number;
  readonly dialect: Dialect;
  readonly precision: Precision;
  /** Why it was chosen. */
  readonly reason: string;
}

/** onnxruntime's names. */
export const providerOf: Readonly<Record<DeviceName, string>> = {
  cpu: "cpu",
  cuda: "cuda",
  webgpu: "webgpu",
  directml: "dml",
  coreml: "coreml",
};
