import type { DeviceName } from "./device-name.ts";

/** What brings what is missing, by the words in which it is missed. */
const hints: readonly { device: DeviceName; says: RegExp; hint(version: string): string }[] = [
  {
    device: "cuda",
    says: /lib(cublas|cublasLt|cudart|curand|cudnn|cufft)\w*\.so/,
    hint: () =>
      `CUDA's libraries are not found: pip install nvidia-cublas nvidia-cuda-runtime nvidia-curand nvidia-cudnn-cu13 (or a CUDA 13 toolkit), and put ` +
      `their folders into LD_LIBRARY_PATH before the program starts.`,
  },
  {
    device: "cuda",
    says: /libcuda\.so/,
    hint: () => "NVIDIA's driver is not there, or not in this container (docker run --gpus all).",
  },
  {
    device: "cuda",
    says: /driver version is insufficient|CUDA failure 35/,
    hint: () => "NVIDIA's driver is too old: CUDA 13 needs version 580 or newer (nvidia-smi shows it).",
  },
  {
    device: "cuda",
    says: /providers_cuda|providers_shared|load shared library/,
    hint: (version) =>
      `onnxruntime-node comes without CUDA. Either let its own script fetch it, in a project of its own (ONNXRUNTIME_NODE_INSTALL=cuda12 npm install ` +
      `onnxruntime-node@${version} --foreground-scripts), or put libonnxruntime_providers_cuda.so and libonnxruntime_providers_shared.so of ` +
      `PyPI's onnxruntime-gpu ${version} (pip download onnxruntime-gpu==${version} --no-deps; they lie in onnxruntime/capi) beside ` +
      `libonnxruntime.so.1 of a copy of it; then name that copy: onnxruntime: "/path/to/onnxruntime-node" or LATENTKIT_ONNXRUNTIME.`,
  },
  {
    device: "webgpu",
    says: /adapter|vulkan/i,
    hint: () =>
      process.platform === "linux"
        ? "It needs Vulkan: its loader (apt install libvulkan1) and the card's driver (NVIDIA's own with its graphics part, in containers " +
          "NVIDIA_DRIVER_CAPABILITIES=all; for AMD and Intel: apt install mesa-vulkan-drivers)."
        : "The card's driver offers no device for it: update the driver.",
  },
];

/** The line that brings what a device lacks. */
export function missingHint(device: DeviceName, why: string, version: string): string | undefined {
  return hints.find((each) => each.device === device && each.says.test(why))?.hint(version);
}
