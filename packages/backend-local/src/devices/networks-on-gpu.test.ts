import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import type { GpuNetwork } from "../testing/gpu-networks.ts";
import { variedCases } from "../testing/network-cases.ts";
import { softwareGpus } from "../testing/software-gpu.ts";

const minutes = 60_000;
const gpus = softwareGpus();
const program = fileURLToPath(new URL("../testing/gpu-networks.ts", import.meta.url));

test.skipIf(gpus.length > 0)("networks on a GPU: not run, no software GPU is installed here", ({ skip }) => skip());

describe.each(gpus)("on $name", ({ env }) => {
  const told = new Map<string, GpuNetwork>();

  beforeAll(async () => {
    const options = ["--conditions=latentkit-source", "--disable-warning=ExperimentalWarning", program];
    const child = promisify(execFile)(process.execPath, options, {
      env: { ...process.env, ...env },
      maxBuffer: 1e8,
    });
    const { stdout } = await child.catch((error: { stdout: string }) => error);
    for (const line of stdout.split("\n").filter((text) => text.startsWith("{"))) {
      const network = JSON.parse(line) as GpuNetwork;
      told.set(network.name, network);
    }
  }, 20 * minutes);

  test.each(variedCases)("$name computes what the oracle computed, all of it on the device", ({ name }) => {
    const { error, onDevice, strays, back, over, failed } = told.get(name)!;
    expect(failed).toBeUndefined();
    expect(error).toBeLessThan(1e-5);
    expect(onDevice).toBeGreaterThan(10);
    expect(strays).toEqual([]);
    // Nothing comes back before the end; a timestep's waves and rows of tables go over.
    expect(back).toBe(0);
    expect(over).toBeLessThanOrEqual(4);
  });
});
