import { defineConfig } from "vitest/config";

export default defineConfig({
  // Tests read each package's sources, so no build is needed before them.
  resolve: { conditions: ["latentkit-source"] },
  ssr: { resolve: { conditions: ["latentkit-source"] } },
  test: {
    include: ["packages/*/src/**/*.test.ts", "examples/**/*.test.ts", "tools/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
