/**
 * Operators of opset 20 that onnxruntime 1.30 has kernels for on a device, in float32 and float16, by its docs/OperatorKernels.md. A kernel has to be
 * of just the version in which an operator last changed: InstanceNormalization has one of version 6 on CUDA, and none that is taken at opset 22 and above.
 */
const both = [
  ["Add", "Cast", "Clip", "Concat", "Conv", "Cos", "DepthToSpace", "DequantizeLinear", "Div", "Expand", "Gather"],
  ["GatherND", "Gemm", "Identity", "InstanceNormalization", "LayerNormalization", "LeakyRelu", "Less", "Log", "MatMul"],
  [
    "Max",
    "Mul",
    "Not",
    "PRelu",
    "Range",
    "ReduceL2",
    "ReduceMean",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "Resize",
    "Shape",
  ],
  ["Sigmoid", "SimplifiedLayerNormalization", "Sin", "Slice", "Softmax", "Softplus", "Sqrt", "Squeeze", "Sub", "Tanh"],
  ["Transpose", "Unsqueeze", "Where"],
  ["FastGelu", "FusedMatMul", "MultiHeadAttention", "QuickGelu", "RotaryEmbedding"].map((op) => `com.microsoft.${op}`),
  ["com.microsoft.Gelu"],
  // Folded at load; a function of Softplus, Tanh and Mul.
  ["Constant", "Mish"],
].flat();

/** What devices have kernels for. */
export const kernelsOn: Readonly<Record<"cuda" | "directml", ReadonlySet<string>>> = {
  cuda: new Set([...both, "AveragePool", "ScatterElements"]),
  directml: new Set([...both, "Equal", "Pad"]),
};

/**
 * What may be done by the CPU: numbers of tokens, shapes, the zero that an odd timestep embedding ends with, and the shortcuts of a VAE's encoder, which are
 * needed once a picture.
 */
export const smallOps: ReadonlySet<string> = new Set(["ArgMax", "AveragePool", "Equal", "Pad", "ScatterElements"]);
