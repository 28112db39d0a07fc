import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env, InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, onTestFinished, test } from "vitest";
import { softwareGpus } from "../../testing/software-gpu.ts";
import { cachedProbe, keepProbe } from "./probe-cache.ts";
import { probeDevice } from "./probe-device.ts";
import { isRight, type ProbeReport } from "./probe-report.ts";
import { runProbe } from "./run-probe.ts";

const minutes = 60_000;

test("the CPU's kernels are right, attention too", async () => {
  const { usable, errors, gflops, version } = await runProbe({ device: "cpu" });
  expect(usable).toBe(true);
  expect(version).toMatch(/^1\.\d+/);
  expect(gflops).toBeGreaterThan(0);
  expect(Object.keys(errors).length).toBeGreaterThan(10);
  for (const error of Object.values(errors)) expect(error).toBeLessThan(1e-5);
});

describe.each(softwareGpus())("$name", ({ name, env }) => {
  test("is found, with its wrong attention", { timeout: 5 * minutes }, async () => {
    const report = await runProbe({ device: "webgpu" }, env);
    expect(report).toMatchObject({ usable: true, device: "webgpu" });
    const { attention, ...others } = report.errors;
    for (const error of Object.values(others)) expect(error).toBeLessThan(1e-5);
    // Dawn leaves a variable of the flash attention's shader unset on Vulkan.
    expect(attention).toBeGreaterThan(0.005);
    expect(isRight(report, "attention")).toBe(false);
    if (name === "SwiftShader") expect(report.float16).toBe(false);
  });
});

test("a device is tried with the operators that networks have there: others the CPU would do, and pass for it", async () => {
  let text = "";
  const create = (model: Uint8Array, options: InferenceSession.SessionOptions) => {
    text += Buffer.from(model).toString("latin1");
    return InferenceSession.create(model, { ...options, executionProviders: ["cpu"] });
  };
  const Session = { create } as unknown as typeof InferenceSession;
  const report = await probeDevice({ InferenceSession: Session, Tensor, env }, { device: "cuda" });
  expect(report).toMatchObject({ usable: true });
  expect(text).toContain("SimplifiedLayerNormalization");
});

test("a device that is not there, or has no driver, is unusable, and says why", async () => {
  const none = join(tmpdir(), "no-such-driver.json");
  const report = await runProbe({ device: "webgpu" }, { VK_DRIVER_FILES: none, LD_LIBRARY_PATH: "" });
  expect(report).toMatchObject({ usable: false, why: expect.stringMatching(/\w{4}/) });
  expect(await runProbe({ device: process.platform === "darwin" ? "directml" : "coreml" })).toMatchObject({
    usable: false,
    why: expect.stringContaining("onnxruntime-node"),
  });
});

describe("reports are kept", () => {
  const report: ProbeReport = {
    device: "webgpu",
    usable: true,
    float16: true,
    errors: { gemm: 1e-7, attention: Number.POSITIVE_INFINITY },
    ms: 1,
  };
  const file = () => {
    const folder = mkdtempSync(join(tmpdir(), "latentkit-probes-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    return join(folder, "deep", "devices.json");
  };

  test("and found by their keys", () => {
    const cache = file();
    expect(cachedProbe("a", cache)).toBeUndefined();
    keepProbe("a", report, cache);
    keepProbe("b", { ...report, usable: false }, cache);
    expect(cachedProbe("a", cache)).toEqual(report);
    expect(cachedProbe("b", cache)).toMatchObject({ usable: false });
  });

  test("for ten minutes where the device can't be used", () => {
    const cache = file();
    keepProbe("a", { ...report, usable: false }, cache);
    expect(cachedProbe("a", cache)).toMatchObject({ usable: false });
    const kept = JSON.parse(readFileSync(cache, "utf8"));
    kept.reports.a.at -= 11 * 60_000;
    writeFileSync(cache, JSON.stringify(kept));
    expect(cachedProbe("a", cache)).toBeUndefined();
  });

  test("for a week; what is old, or no cache, is passed over", () => {
    const cache = file();
    keepProbe("a", report, cache);
    const kept = JSON.parse(readFileSync(cache, "utf8"));
    kept.reports.a.at -= 8 * 24 * 3_600_000;
    writeFileSync(cache, JSON.stringify(kept));
    expect(cachedProbe("a", cache)).toBeUndefined();
    writeFileSync(cache, "no JSON");
    expect(cachedProbe("a", cache)).toBeUndefined();
    keepProbe("a", report, cache);
    expect(cachedProbe("a", cache)).toEqual(report);
  });
});
