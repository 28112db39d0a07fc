import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { deviceOf } from "../../packages/backend-local/src/devices/choose-device.ts";
import type { DeviceName } from "../../packages/backend-local/src/devices/device-name.ts";
import { probeDevice, reasonOf } from "../../packages/backend-local/src/devices/probe/probe-device.ts";
import type { ProbeReport } from "../../packages/backend-local/src/devices/probe/probe-report.ts";
import { planSession } from "../../packages/backend-local/src/devices/session.ts";
import { importOnnxruntime } from "../../packages/backend-local/src/engine/import-onnxruntime.ts";
import { fileWeights } from "../../packages/backend-local/src/files/weights.ts";
import type { GpuSubject } from "./gpu-subjects.ts";
import { elements } from "./random-weights.ts";

/** What a process of gpu.ts does. */
export type GpuTask =
  | { kind: "probe"; device: DeviceName }
  | {
      kind: "network";
      subject: string;
      side: number;
      weights: string;
      report: ProbeReport;
      precision: "float32" | "float16";
      /** The CPU's output: written by it, compared with by the others. */
      reference: string;
    };

/** Seconds, megabytes, and the relative error against the CPU. */
export interface GpuFigures {
  load: number;
  first: number;
  one: number;
  two?: number;
  error?: number;
  rss: number;
  /** What the card has given out in all, by nvidia-smi. */
  gpu?: number;
}

type Network = Extract<GpuTask, { kind: "network" }>;

/** Does a task in this process. */
export async function runTask(task: GpuTask, subjects: readonly GpuSubject[]): Promise<GpuFigures | ProbeReport> {
  const ort = await importOnnxruntime(process.env.LATENTKIT_ONNXRUNTIME || undefined);
  if (task.kind === "network") {
    const subject = subjects.find(({ name }) => name === task.subject);
    if (subject === undefined) throw new Error(`there is no ${task.subject}`);
    return runNetwork(ort, task, subject);
  }
  try {
    return await probeDevice(ort, task);
  } catch (error) {
    return { device: task.device, usable: false, why: reasonOf(error), float16: false, errors: {}, ms: 0 };
  }
}

type Ort = Awaited<ReturnType<typeof importOnnxruntime>>;

async function runNetwork(ort: Ort, task: Network, subject: GpuSubject): Promise<GpuFigures> {
  const { side, weights, report, precision, reference } = task;
  const isCpu = report.device === "cpu";
  const started = performance.now();
  const graph = subject.build(await fileWeights(weights));
  const device = deviceOf(report, { precision }, "gpu.ts");
  const { InferenceSession: Session } = ort;
  const { model, options, dispose } = await planSession(graph, device, { logSeverityLevel: 3 }, Session);
  const session = await Session.create(model as Uint8Array, options);
  await dispose();
  const load = (performance.now() - started) / 1000;
  const feeds = (batch: number) => feedsOf(ort, subject, side, batch);
  const timed = async (batch: number) => {
    const given = feeds(batch);
    const from = performance.now();
    const results = await session.run(given);
    return { seconds: (performance.now() - from) / 1000, output: results[subject.output]!.data as Float32Array };
  };
  const first = await timed(1);
  const one = isCpu ? first.seconds : await least(() => timed(1), 15);
  // The CPU is there for its numbers.
  let two: number | undefined;
  if (!isCpu && subject.output === "out_sample") {
    await timed(2);
    two = await least(() => timed(2), 10);
  }
  const figures = { load, first: first.seconds, one, ...(two === undefined ? {} : { two }), ...memory() };
  if (isCpu)
    writeFileSync(reference, new Uint8Array(first.output.buffer, first.output.byteOffset, first.output.byteLength));
  else if (existsSync(reference)) return { ...figures, error: apart(first.output, readFileSync(reference)) };
  return figures;
}

/** Median seconds of up to seven runs, within so many seconds. */
async function least(run: () => Promise<{ seconds: number }>, within: number): Promise<number> {
  const from = performance.now();
  const times: number[] = [];
  while (times.length < 7 && (times.length === 0 || performance.now() - from < 1000 * within))
    times.push((await run()).seconds);
  return times.toSorted((a, b) => a - b)[times.length >> 1]!;
}

/** The same numbers in every process, of variance 1. */
function feedsOf(ort: Ort, { latent, inputs }: GpuSubject, side: number, batch: number) {
  let state = 7;
  const noise = (length: number) =>
    Float32Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.sqrt(12) * (state / 2 ** 32 - 0.5);
    });
  const tensor = (dims: readonly number[]) => new ort.Tensor("float32", noise(elements(dims)), dims);
  const others = Object.entries(inputs).map(([name, [own = 1, ...rest]]) => {
    if (name === "timestep") return [name, new ort.Tensor("float32", [500], [1])] as const;
    return [name, tensor([own * batch, ...rest])] as const;
  });
  return { [latent.name]: tensor([batch, latent.channels, side, side]), ...Object.fromEntries(others) };
}

function memory(): Pick<GpuFigures, "rss" | "gpu"> {
  const rss = Math.round(process.memoryUsage.rss() / 1e6);
  try {
    const query = ["--query-gpu=memory.used", "--format=csv,noheader,nounits"];
    const used = execFileSync("nvidia-smi", query, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return { rss, gpu: Number.parseInt(used, 10) };
  } catch {
    return { rss };
  }
}

/** ‖a − b‖/‖b‖. */
function apart(a: Float32Array, bytes: Buffer): number {
  const b = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  let [difference, size] = [0, 0];
  for (const [i, value] of b.entries()) {
    difference += (a[i]! - value) ** 2;
    size += value ** 2;
  }
  return Math.sqrt(difference / size);
}
