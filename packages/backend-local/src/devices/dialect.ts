import type { DeviceName } from "./device-name.ts";
import type { StoredTypes } from "./weights/weight-plan.ts";

/**
 * How a device's graphs are spelled: which of the runtime's operators it has, and has right. What a device lacks would run on the CPU, with a
 * copy and a wait each way.
 */
export interface Dialect {
  /**
   * A linear layer over weights that lie `[out, in]`: `"fused"` is FusedMatMul, which transposes as it multiplies; `"gemm"` is Gemm over the
   * tokens of all samples.
   */
  readonly linear: "fused" | "gemm";
  /**
   * `"fused"`: MultiHeadAttention for one of a sequence to itself, ONNX's Attention for the others. `"heads"`: MultiHeadAttention wherever nothing
   * is masked. `"products"`: two products and a softmax.
   */
  readonly attention: "fused" | "heads" | "products";
  /** In products, how many heads' scores there are at once: at 4096 tokens two take 134 MB, and buffers have a limit. */
  readonly headsAtOnce: number;
  /** `x·sigmoid(αx)`: by the runtime's one operator for it, or by two. */
  readonly quickGelu: "fused" | "plain";
  /** GELU by ONNX's operator, or by onnxruntime's own. */
  readonly gelu: "onnx" | "own";
  /** Where rows of token tables are found and the waves of timesteps made: on the host, only these small results go to the device. */
  readonly small: "device" | "host";
  /**
   * The version of ONNX's operators: a kernel that was written for an older one is not taken for an operator that has changed since, however little, and
   * what has no kernel runs on the CPU without a word. At 20 operators are as the kernels of CUDA and DirectML know them.
   */
  readonly opset: 20 | 23;
  /** Which weights it takes as they are stored; others are made ready for it at load. */
  readonly takes: StoredTypes;
}

const asBuilt: Dialect = {
  linear: "fused",
  attention: "fused",
  headsAtOnce: 2,
  quickGelu: "fused",
  gelu: "onnx",
  small: "device",
  opset: 23,
  takes: { float16: true, bfloat16: true, float8: true, int8: true },
};

const none: StoredTypes = { float16: false, bfloat16: false, float8: false, int8: false };

/** What a probe found that the spelling depends on. */
export interface DialectNeeds {
  /** Whether the device has float16. */
  readonly float16: boolean;
  /** Whether its MultiHeadAttention is right. */
  readonly attention: boolean;
  /** Whether its making of numbers of integers and scales is right. */
  readonly dequantize: boolean;
}

/** A device's dialect. Measured on software devices for WebGPU, by onnxruntime's lists of kernels for the others. */
export function dialectOf(name: DeviceName, { float16, attention, dequantize }: DialectNeeds): Dialect {
  const heads = attention ? "heads" : "products";
  const takes = { float16, bfloat16: false, float8: false, int8: dequantize };
  switch (name) {
    case "cpu":
      return asBuilt;
    case "webgpu":
      return { ...asBuilt, linear: "gemm", attention: heads, small: "host", takes };
    case "cuda":
      return { ...asBuilt, attention: heads, gelu: "own", opset: 20, takes: { ...asBuilt.takes, int8: dequantize } };
    case "directml":
      return { ...asBuilt, attention: heads, gelu: "own", opset: 20, takes };
    case "coreml":
      return { ...asBuilt, linear: "gemm", attention: "products", quickGelu: "plain", opset: 20, takes: none };
  }
}
