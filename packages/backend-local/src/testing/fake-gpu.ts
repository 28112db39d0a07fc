import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

/**
 * How a fake GPU behaves: well; its device is lost, or its driver ends the process, in the third run; it has no memory; trying it ends the process; its
 * first run gives no numbers.
 */
export type FakeGpu = "well" | "lost" | "crash" | "full" | "wild" | "nan";

/**
 * Writes an onnxruntime-node into a folder whose WebGPU and CUDA devices are the CPU, and fails as it is told: for `onnxruntime`. Give the environment variable FAKE_GPU one of
 * {@link FakeGpu}.
 */
export async function fakeGpuRuntime(inFolder: string): Promise<string> {
  const folder = join(inFolder, "onnxruntime-node");
  await mkdir(folder);
  const real = createRequire(import.meta.url).resolve("onnxruntime-node");
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "onnxruntime-node", version: "1.30.0" }));
  await writeFile(join(folder, "index.js"), program(real));
  return folder;
}

const program = (real: string) => `
const ort = require(${JSON.stringify(real)});
const how = process.env.FAKE_GPU;
const isProbe = (process.argv[2] ?? "").includes('"probe"');
const die = () => process.kill(process.pid, "SIGSEGV");
let runs = 0;

async function create(model, options) {
  const [first] = options.executionProviders;
  if (!["webgpu", "cuda"].includes(first.name ?? first)) return ort.InferenceSession.create(model, options);
  if (isProbe && how === "wild") die();
  if (!isProbe && how === "full") throw new Error("Failed to allocate memory for requested buffer of size 68719476736");
  const session = await ort.InferenceSession.create(model, { ...options, executionProviders: ["cpu"] });
  let before;
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    release: () => session.release(),
    async run(feeds, fetches) {
      // The second time a probe runs its graph it is timed: this GPU is fast.
      if (isProbe) return (before ??= await session.run(feeds, fetches));
      if (++runs === 3 && how === "lost") throw new Error("WebGPU device lost: the driver was reset");
      if (runs === 3 && how === "crash") die();
      const results = await session.run(feeds, fetches);
      if (runs === 1 && how === "nan") for (const { data } of Object.values(results)) data.fill(NaN);
      return results;
    },
  };
}

module.exports = {
  ...ort,
  InferenceSession: { create },
  listSupportedBackends: () => ["cpu", "webgpu", "cuda"].map((name) => ({ name, bundled: true })),
};
`;
