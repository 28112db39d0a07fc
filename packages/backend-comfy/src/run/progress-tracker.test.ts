import { describe, expect, it, vi } from "vitest";
import type { Graph } from "../graph/graph.ts";
import { ProgressTracker } from "./progress-tracker.ts";

const graph: Graph = {
  checkpoint: { class_type: "CheckpointLoaderSimple", inputs: {} },
  "lora-1": { class_type: "LoraLoader", inputs: {} },
  sampler: { class_type: "KSampler", inputs: { steps: 6 } },
  decode: { class_type: "VAEDecode", inputs: {} },
  save: { class_type: "SaveImage", inputs: {} },
};
const track = () => new ProgressTracker(graph, (id) => (id === "sampler" || id === "decode" ? 0 : undefined));

describe("ProgressTracker", () => {
  it("weighs a sampler by its steps, and every other node as one", () => {
    const tracker = track();
    tracker.executing("checkpoint");
    expect(tracker.executing("lora-1")).toMatchObject({ phase: "load", step: 1, steps: 2, fraction: 0.1 });
    expect(tracker.executing("sampler")).toMatchObject({ phase: "load", step: 2, steps: 2, fraction: 0.2 });
    expect(tracker.progress("sampler", 3, 6)).toMatchObject({
      phase: "sample",
      step: 3,
      steps: 6,
      fraction: 0.5,
      index: 0,
    });
    expect(tracker.progress("sampler", 6, 6)).toMatchObject({ fraction: 0.8 });
    expect(tracker.executed("decode")).toMatchObject({ phase: "decode", fraction: 0.9 });
    expect(tracker.executed("save")).toMatchObject({ fraction: 1 });
  });

  it("leaves cached nodes out", () => {
    const tracker = track();
    tracker.cached(["checkpoint", "lora-1", "somewhere-else"]);
    expect(tracker.progress("sampler", 4, 6)).toMatchObject({ fraction: 0.5 });
  });

  it("tells a fraction that never goes back, also when nodes turn out to be cached that counted as done", () => {
    const tracker = track();
    tracker.executing("checkpoint");
    tracker.executing("lora-1");
    expect(tracker.executing("sampler")).toMatchObject({ fraction: 0.2 });
    tracker.cached(["checkpoint", "lora-1"]);
    expect(tracker.progress("sampler", 1, 6)).toMatchObject({ fraction: 0.2 });
    expect(tracker.progress("sampler", 4, 6)).toMatchObject({ fraction: 0.5 });
  });

  it("tells the time that is left, from the second step on", () => {
    vi.useFakeTimers();
    const tracker = track();
    expect(tracker.progress("sampler", 1, 6)).not.toHaveProperty("etaMs");
    vi.advanceTimersByTime(300);
    expect(tracker.progress("sampler", 4, 6)).toMatchObject({ etaMs: 200 });
    vi.useRealTimers();
  });

  it("never goes back, and tells a step once", () => {
    const tracker = track();
    tracker.progress("sampler", 5, 6);
    expect(tracker.progress("sampler", 2, 6)).toBeUndefined();
    expect(tracker.progress("sampler", 5, 6)).toBeUndefined();
    expect(tracker.progress("elsewhere", 5, 6)).toBeUndefined();
  });

  it("counts expanded nodes under the one that the graph has", () => {
    const tracker = track();
    expect(tracker.progress("sampler.0.0.1", 1, 4)).toMatchObject({ step: 1, steps: 4, index: 0 });
    expect(tracker.progress("sampler:2", 9, 10), "another count under the same node").toBeUndefined();
    expect(tracker.progress("sampler.0.0.1", 4, 4)).toMatchObject({ step: 4 });
  });

  it("counts a pass that several nodes sample through", () => {
    const part = (from: number, steps: number) => ({
      class_type: "SamplerCustomAdvanced",
      inputs: {},
      _meta: { title: "part", from, steps, of: 10 },
    });
    const tracker = new ProgressTracker({ "sampler-part-1": part(0, 2), sampler: part(2, 8) }, () => 0);
    expect([tracker.stepAt("sampler-part-1"), tracker.stepAt("sampler")]).toEqual([0, 2]);
    expect(tracker.progress("sampler-part-1", 2, 2)).toMatchObject({ step: 2, steps: 10, fraction: 0.2 });
    expect(tracker.progress("sampler", 1, 8)).toMatchObject({ step: 3, steps: 10, fraction: 0.3 });
    expect(tracker.stepAt("sampler")).toBe(3);
  });
});
