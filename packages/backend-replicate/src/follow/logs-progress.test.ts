import { describe, expect, it } from "vitest";
import { readLogLine, readSeed, splitLines } from "./logs-progress.ts";

describe("progress in a log line", () => {
  it.each([
    [" 50%|█████     | 10/20 [00:02<00:02,  4.1it/s]", { phase: "sample", step: 10, steps: 20, etaMs: 2000 }],
    ["100%|██████████| 28/28 [00:07<00:00,  3.71it/s]", { phase: "sample", step: 28, steps: 28, etaMs: 0 }],
    ["  0%|          | 0/50 [00:00<?, ?it/s]", { phase: "sample", step: 0, steps: 50 }],
    [
      "Loading pipeline components...:  43%|####  | 3/7 [01:00<1:02:03, 1.2s/it]",
      { phase: "load", step: 3, steps: 7, etaMs: 3723000 },
    ],
    ["Fetching 12 files:  50%|█████     | 6/12 [00:00<00:00]", { phase: "load", step: 6, steps: 12, etaMs: 0 }],
    ["  7%|▋         | 9.5k/132k [00:00<00:10, 12kB/s]", { phase: "sample", step: 9500, steps: 132000, etaMs: 10000 }],
    ["step 3/4", { phase: "sample", step: 3, steps: 4 }],
    ["Denoising step: 12 of 30", { phase: "sample", step: 12, steps: 30 }],
    ["[7/25]", { phase: "sample", step: 7, steps: 25 }],
    ["Progress: 40%", { phase: "sample", step: 40, steps: 100 }],
    ["VAE decoding 100%", { phase: "decode", step: 100, steps: 100 }],
    ["Downloading weights 12.5%", { phase: "load", step: 12, steps: 100 }],
  ])("%s", (line, progress) => {
    expect(readLogLine(line)).toEqual({ kind: "progress", progress });
  });

  it.each([
    "Using seed: 1234",
    "Prompt: 50% off, 3/4 view of a chair",
    "2026/11/23 loaded 3/7 things",
    "step 9/4",
    "running on 2/4 gpus",
    "flux_schnell 1024x1024",
  ])("is none in: %s", (line) => {
    expect(readLogLine(line)).toEqual({ kind: "text", text: line });
  });

  it("is nothing in an empty line", () => {
    expect(readLogLine("   ")).toBeUndefined();
  });
});

describe("a log", () => {
  it("is split at line breaks and where a bar is drawn anew, keeping the unfinished rest", () => {
    expect(splitLines("a\r 1%\r 2%\nb\r\nhalf")).toEqual({ lines: ["a", " 1%", " 2%", "b"], rest: "half" });
  });

  it("may announce the seed", () => {
    expect(readSeed("Using seed: 1234")).toBe("1234");
    expect(readSeed("Random seed is 77")).toBe("77");
    expect(readSeed("seed=5")).toBe("5");
    expect(readSeed("reseeded everything 3 times")).toBeUndefined();
  });
});
