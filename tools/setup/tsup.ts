import type { Options } from "tsup";

/** Build options shared by every package: ESM with types, for the oldest Node we promise. */
export function library(entry: Record<string, string>): Options {
  return {
    entry,
    format: "esm",
    target: "node22",
    platform: "node",
    dts: true,
    clean: true,
    sourcemap: true,
    splitting: true,
    external: [/^@latentkit\/onnxruntime-/],
  };
}
