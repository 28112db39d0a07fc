import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeFolder, removeFolder, run } from "./testing/latentkit.ts";

let folder: string;
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => removeFolder(folder));

describe("latentkit doctor", () => {
  it("tries the CPU, says what each other device lacks, and what is taken", { timeout: 120_000 }, async () => {
    const { code, stdout, stderr } = await run(["doctor", "--json"], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { node, onnxruntime, devices, auto } = JSON.parse(stdout);
    expect(node).toBe(process.version);
    expect(onnxruntime.version).toMatch(/^1\.\d+\.\d+$/);
    const [cpu, ...others] = devices;
    expect(cpu).toMatchObject({ name: "cpu", usable: true, unused: [] });
    expect(cpu.gflops).toBeGreaterThan(0);
    for (const error of Object.values(cpu.errors)) expect(error).toBeLessThan(1e-5);
    for (const { usable, why } of others) if (!usable) expect(why).toMatch(/\w{4}/);
    expect(
      devices.filter(({ usable }: { usable: boolean }) => usable).map(({ name }: { name: string }) => name),
    ).toContain(auto.name);

    const table = await run(["doctor"], folder);
    expect(table.code).toBe(0);
    expect(table.stdout).toMatch(/cpu +works: \S+ GFLOP\/s, kernels within \de-\d+, \(/);
    expect(table.stdout).toMatch(/auto +cpu, float32: |auto +\w+, float\d\d: the fastest that works/);
  });

  it("says of an onnxruntime that is none where it looked", async () => {
    const { code, stdout, stderr } = await run(["doctor", "--onnxruntime", join(folder, "nowhere")], folder);
    expect(code).not.toBe(0);
    expect(stdout).toMatch(/auto +cpu, float32: not even the CPU can be used/);
    expect(stderr).toContain(join(folder, "nowhere"));
    expect((await run(["doctor", "now"], folder)).stderr).toMatch(/too many arguments|expected 0 arguments/i);
  });
});
