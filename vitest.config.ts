import { defineConfig } from "vitest/config";

export default defineConfig({
  // Tests read each package's sources, so no build is needed before them.
  resolve: { conditions: ["latentkit-source"] },
  ssr: { resolve: { conditions: ["latentkit-source"] } },
  test: {
    include: ["packages/*/src/**/*.test.ts", "examples/**/*.test.ts", "tools/**/*.test.ts"],
    // Tests that load onnxruntime themselves must not report usage either.
    env: { ORT_DISABLE_TELEMETRY: "1" },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
