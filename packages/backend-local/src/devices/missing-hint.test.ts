import { expect, test } from "vitest";
import { missingHint } from "./missing-hint.ts";

// What onnxruntime 1.30 says, stage by stage, until CUDA works.
test.each([
  [
    "OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library",
    /pip download onnxruntime-gpu==1\.30\.0/,
  ],
  [
    "Failed to load library /x/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object file",
    /pip install nvidia-cublas/,
  ],
  [
    "Failed to load library /x/libonnxruntime_providers_cuda.so with error: libcuda.so.1: cannot open",
    /driver is not there/,
  ],
  ["CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version; GPU=-1", /580/],
])("what brings CUDA where onnxruntime says: %s", (why, hint) => {
  expect(missingHint("cuda", why, "1.30.0")).toMatch(hint);
});

test("what is not known has no hint", () => {
  expect(missingHint("cuda", "something else", "1.30.0")).toBeUndefined();
});
