/**
 * Flow models of their published size with random weights, on the CPU: load, most memory and seconds a step, through the public API, beside torch in
 * bf16 (LATENTKIT_PYTHON: its transformer alone) and stable-diffusion.cpp (SD_CLI: the path of its program, over the same bf16 files as q8_0).
 * The files are some GB each and stay in the system's temporary folder, under latentkit-bench.
 *
 *     node --conditions=latentkit-source tools/bench/flows.ts [z-image-turbo|flux2-klein-4b] [side] [int8_convrot,torch,sd.cpp,bf16,q8_0,q4_0]
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { createClient } from "@latentkit/core";
import { local } from "../../packages/backend-local/src/local.ts";
import { circumstances, round } from "./bench-model.ts";
import { type FlowFormat, type FlowModel, flowFiles, flowModels, publishedConfig } from "./flow-files.ts";

const [model = "flux2-klein-4b", size = "512", which = "int8_convrot,torch,sd.cpp,bf16"] = process.argv.slice(2);
if (!(model in flowModels)) throw new Error(`a model is one of ${Object.keys(flowModels).join(", ")}`);
const name = model as FlowModel;
const side = Number(size);
const steps = 2;
const prompt = "a red apple on a blue background";
const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;

const { date, machine } = circumstances();
console.log(`${name}, ${side}×${side}, ${machine}, ${date.slice(0, 10)}\n`);
console.log("| program | load s | text s | s a step | decode s | own memory | with mapped files |");
console.log("| --- | --- | --- | --- | --- | --- | --- |");
for (const subject of which.split(",")) {
  if (subject === "torch") torch();
  else if (subject === "sd.cpp") await stableDiffusionCpp();
  else await ours(subject as FlowFormat);
}

async function ours(format: FlowFormat): Promise<void> {
  const { transformer, textEncoder, vae } = await flowFiles(name, format);
  const client = createClient({ backend: local({ model: transformer, parts: { textEncoder, vae } }) });
  const most = { own: 0, all: 0 };
  const timer = setInterval(() => watch(most), 100);
  const times: number[] = [];
  const job = client.generate({ prompt, width: side, height: side, steps, seed: 7 });
  let last = performance.now();
  for await (const event of job) {
    const now = performance.now();
    if (event.type === "progress" && event.phase === "sample" && event.step > 0) times.push((now - last) / 1000);
    last = now;
  }
  const { timings } = await job;
  clearInterval(timer);
  await client.dispose();
  const seconds = (ms = 0) => round(ms / 1000);
  console.log(
    `| LatentKit, ${format} | ${seconds(timings.loadMs)} | ${seconds(timings.encodeMs)} | ${round(Math.min(...times))} | ${seconds(timings.decodeMs)} | ${gigabytes(most.own)} | ${gigabytes(most.all)} |`,
  );
}

/** Most memory of this process's children so far (Linux). */
function watch(most: { own: number; all: number }): void {
  for (const id of readdirSync("/proc").filter((each) => /^\d+$/.test(each))) {
    try {
      const status = readFileSync(`/proc/${id}/status`, "utf8");
      const value = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
      if (value("PPid") !== process.pid) continue;
      most.own = Math.max(most.own, value("RssAnon") * 1024);
      most.all = Math.max(most.all, value("VmRSS") * 1024);
    } catch {
      // It has gone.
    }
  }
}

function torch(): void {
  const python = process.env.LATENTKIT_PYTHON;
  if (python === undefined) return void console.log("| torch: LATENTKIT_PYTHON is not set | | | | | | |");
  const script = fileURLToPath(new URL("flows_torch.py", import.meta.url));
  const args = [
    script,
    name,
    JSON.stringify(publishedConfig(name)),
    size,
    String(steps),
    String(availableParallelism()),
  ];
  const { status, stdout, stderr } = spawnSync(python, args, { encoding: "utf8" });
  if (status !== 0) return void console.log(`| torch failed: ${stderr.slice(-300)} | | | | | | |`);
  const { loadSeconds, secondsPerStep, peak, torch: version } = JSON.parse(stdout);
  console.log(
    `| torch ${version}, bf16, the transformer alone | ${round(loadSeconds)} | – | ${round(secondsPerStep)} | – | ${gigabytes(peak)} | – |`,
  );
}

async function stableDiffusionCpp(): Promise<void> {
  const program = process.env.SD_CLI;
  if (program === undefined) return void console.log("| stable-diffusion.cpp: SD_CLI is not set | | | | | | |");
  const { transformer, textEncoder, vae } = await flowFiles(name, "bf16");
  const files = ["--diffusion-model", transformer, "--llm", textEncoder, "--vae", vae, "--type", "q8_0", "--mmap"];
  const sizes = ["-W", size, "-H", size, "--steps", "1", "--cfg-scale", "1"];
  const { stdout, stderr, status } = spawnSync(
    program,
    [...files, ...sizes, "-p", prompt, "-t", String(availableParallelism()), "-o", "/dev/null"],
    { encoding: "utf8" },
  );
  const said = `${stdout}${stderr}`;
  const taken = (what: RegExp) => round(Number(what.exec(said)?.[1] ?? Number.NaN));
  const sampling = taken(/sampling completed, taking ([\d.]+)s/);
  const [load, text] = [
    taken(/taking ([\d.]+)s \(process/),
    taken(/get_learned_condition completed, taking ([\d.]+)s/),
  ];
  const decode = taken(/decode_first_stage completed, taking ([\d.]+)s/);
  console.log(
    `| stable-diffusion.cpp, q8_0 (ended ${status}) | ${load} | ${text} | ${round(sampling)} | ${decode} | – | – |`,
  );
}
