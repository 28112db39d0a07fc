import type { DeviceName } from "../device-name.ts";
import type { KernelFamily } from "./kernels.ts";

/** What a device was found to be, by trying it. */
export interface ProbeReport {
  readonly device: DeviceName;
  /** Whether it can be used: it is there, and no kernel that nothing could replace is wrong. */
  readonly usable: boolean;
  /** Where it can't: why, in the words of onnxruntime or of the driver. */
  readonly why?: string;
  /** Version of onnxruntime-node. */
  readonly version?: string;
  readonly float16: boolean;
  /** Greatest relative error of each kernel family, against double precision. */
  readonly errors: Readonly<Partial<Record<KernelFamily, number>>>;
  /** Floating-point operations in products of matrices, thousand million a second; and those of the CPU beside it. */
  readonly gflops?: number;
  readonly cpuGflops?: number;
  /** Milliseconds that the probe took. */
  readonly ms: number;
}

/** A kernel that is further off is wrong: those that are right are within 1e-5, also where they sum in TF32 within 2e-3. */
export const wrongFrom = 0.005;

/** Kernels that there is another way for: where one is wrong, graphs do without it. */
export const spared: readonly KernelFamily[] = ["attention", "dequantize"];

/** Whether a device's kernels of a family are right. */
export function isRight({ errors }: Pick<ProbeReport, "errors">, family: KernelFamily): boolean {
  return (errors[family] ?? Number.POSITIVE_INFINITY) < wrongFrom;
}
