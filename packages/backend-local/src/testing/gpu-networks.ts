import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { planSession } from "../devices/session.ts";
import { loadRuntime } from "../engine/runtime.ts";
import { type NetworkCase, relativeError, variedCases } from "./network-cases.ts";

/** What a network did on a device, as the program below tells it: a line of JSON each. */
export interface GpuNetwork {
  name: string;
  /** Greatest relative error of its outputs against the reference's. */
  error?: number;
  /** How many operators the device ran. */
  onDevice: number;
  /** Operators that the CPU ran, but for shapes and for those that the plan leaves there. */
  strays: string[];
  /** Values that came back in the middle of the run, and those of floats that went over beside its inputs. */
  back: number;
  over: number;
  failed?: string;
}

interface Event {
  cat: string;
  name: string;
  args: { op_name?: string; provider?: string; output_type_shape?: Record<string, unknown>[] };
}

// A program of its own, as a Vulkan driver is named by its environment: runs every network on the GPU. Arguments: names of networks to leave out.
const skipped = new Set(process.argv.slice(2));
const runtime = await loadRuntime({ device: "webgpu", threads: 1 });
for (const network of variedCases.filter(({ name }) => !skipped.has(name))) {
  const told = await run(network).catch((error: Error): GpuNetwork => {
    const { name } = network;
    return { name, onDevice: 0, strays: [], back: 0, over: 0, failed: error.message };
  });
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
process.kill(process.pid, "SIGKILL");

async function run({ name, build, oracle }: NetworkCase): Promise<GpuNetwork> {
  const graph = await build();
  const values = await oracle();
  const { device, sessionOptions, InferenceSession: Session } = runtime;
  const { model, options, onHost, dispose } = await planSession(graph, device, sessionOptions, Session);
  const folder = await mkdtemp(join(tmpdir(), "latentkit-profile-"));
  const profile = { enableProfiling: true, profileFilePrefix: join(folder, "profile") };
  const session = await Session.create(model as Uint8Array, { ...options, ...profile });
  await dispose();
  const feeds = Object.fromEntries(graph.inputs.map((port) => [port.name, values.get(`in.${port.name}`)!]));
  const results = await session.run(feeds);
  session.endProfiling();
  await session.release();
  const [file] = await readdir(folder);
  const events = JSON.parse(await readFile(join(folder, file!), "utf8")) as Event[];
  await rm(folder, { recursive: true });
  const nodes = events.filter(({ cat, args }) => cat === "Node" && args.op_name !== undefined);
  const copies = (op: string) => nodes.filter(({ args }) => args.op_name === op);
  const errors = graph.outputs
    .filter((port) => values.has(`out.${port.name}`))
    .map((port) => {
      const expected = values.get(`out.${port.name}`)!.data as Float32Array;
      return relativeError(results[port.name]!.data as Float32Array, expected);
    });
  return {
    name,
    error: Math.max(...errors),
    onDevice: nodes.filter(({ args }) => args.provider === "WebGpuExecutionProvider").length,
    strays: nodes.filter((event) => isStray(event, onHost)).map((event) => event.name),
    back: copies("MemcpyToHost").length,
    // Ids and masks are small, and a mask goes over for each layer.
    over: copies("MemcpyFromHost").filter((event) => !holdsIntegers(event)).length,
  };
}

/** Whether an operator on the CPU is neither one that was put there nor about shapes, which are integers. */
function isStray({ name, args }: Event, onHost: readonly string[]): boolean {
  if (args.provider !== "CPUExecutionProvider" || args.op_name!.startsWith("Memcpy")) return false;
  if (onHost.includes(name.replace(/_kernel_time$/, ""))) return false;
  return !holdsIntegers({ args });
}

function holdsIntegers({ args }: Pick<Event, "args">): boolean {
  const types = (args.output_type_shape ?? []).flatMap((output) => Object.keys(output));
  return types.every((type) => ["int64", "int32", "bool"].includes(type));
}
