import { GraphBuilder } from "../graph/graph-builder.ts";
import { int8Probe } from "../graph/int8-product.ts";
import { sessionOptions } from "../graph/session-options.ts";
import type { Runtime } from "./runtime.ts";

const known = new WeakMap<Runtime, Promise<boolean>>();

/**
 * Whether the processor multiplies 8-bit integers exactly, which those do that have instructions for it (VNNI, AMX, ARM's dot products) and
 * are fast. Older ones add pairs of products in 16 bits, which overflow: found by trying.
 */
export function multipliesIntegers(runtime: Runtime): Promise<boolean> {
  const found = known.get(runtime) ?? probe(runtime).catch(() => false);
  known.set(runtime, found);
  return found;
}

async function probe({ device, InferenceSession: Session, Tensor, sessionOptions: own }: Runtime): Promise<boolean> {
  if (device.name !== "cpu") return false;
  const graph = new GraphBuilder("probe");
  const session = await Session.create(int8Probe(graph), { ...sessionOptions(graph), ...own });
  try {
    const { y } = await session.run({ x: new Tensor("float32", new Float32Array(256).fill(2), [1, 256]) });
    const expected = 256 * 2 * 127 * 0.01;
    return [...(y!.data as Float32Array)].every((value) => Math.abs(value / expected - 1) < 1e-4);
  } finally {
    await session.release();
  }
}
