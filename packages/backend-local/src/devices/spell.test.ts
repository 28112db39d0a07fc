import { InferenceSession } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import type { NetworkGraph } from "../networks/network-graph.ts";
import { kernelsOn, smallOps } from "../testing/device-kernels.ts";
import { type NetworkCase, relativeError, variedCases } from "../testing/network-cases.ts";
import type { Device } from "./device.ts";
import { type Dialect, dialectOf } from "./dialect.ts";
import { inHalfPrecision, mayBeHalf } from "./half-precision.ts";
import { hostNodes } from "./host-nodes.ts";
import { planSession } from "./session.ts";
import { spell } from "./spell.ts";
import { readyWeights } from "./weights/ready-weights.ts";

/** A device whose words are another's, and whose work the CPU does: what graphs compute must not depend on how they are spelled. */
function onCpu(dialect: Dialect, precision: Device["precision"] = "float32"): Device {
  return { name: "webgpu", provider: "cpu", dialect, precision, reason: "a test" };
}

const dialects = {
  "webgpu with right attention": dialectOf("webgpu", { float16: true, attention: true, dequantize: true }),
  "webgpu with wrong attention": dialectOf("webgpu", { float16: true, attention: false, dequantize: true }),
  cuda: dialectOf("cuda", { float16: true, attention: true, dequantize: true }),
  directml: dialectOf("directml", { float16: true, attention: true, dequantize: true }),
  coreml: dialectOf("coreml", { float16: false, attention: false, dequantize: false }),
};

async function errorOf({ oracle }: NetworkCase, graph: NetworkGraph, device: Device): Promise<number> {
  const values = await oracle();
  const { model, options, dispose } = await planSession(graph, device, { intraOpNumThreads: 1 }, InferenceSession);
  const session = await InferenceSession.create(model as Uint8Array, options);
  await dispose();
  const results = await session.run(
    Object.fromEntries(graph.inputs.map(({ name }) => [name, values.get(`in.${name}`)!])),
  );
  await session.release();
  const compared = graph.outputs.filter(({ name }) => values.has(`out.${name}`));
  expect(compared.length).toBeGreaterThan(0);
  return Math.max(
    ...compared.map(({ name }) =>
      relativeError(results[name]!.data as Float32Array, values.get(`out.${name}`)!.data as Float32Array),
    ),
  );
}

describe.each(Object.entries(dialects))("in the dialect of %s", (_, dialect) => {
  test.each(variedCases)(
    "$name computes what the oracle computed, with no operator that the device lacks",
    async (network) => {
      const graph = await network.build();
      const ops = new Set(spell(graph.built!, dialect).nodes.map(({ op }) => op));
      if (dialect.linear === "gemm") expect(ops).not.toContain("FusedMatMul");
      expect(ops).not.toContain("Attention");
      if (dialect.attention === "products") expect(ops).not.toContain("MultiHeadAttention");
      if (dialect.quickGelu === "plain") expect(ops).not.toContain("QuickGelu");
      expect(await errorOf(network, graph, onCpu(dialect))).toBeLessThan(1e-5);
    },
  );
});

describe.each(["webgpu with wrong attention", "cuda"] as const)("in float16, in the dialect of %s", (name) => {
  const device = onCpu(dialects[name], "float16");

  test.each(variedCases)("$name is near the oracle's, or stays in float32", async (network) => {
    const graph = await network.build();
    const error = await errorOf(network, graph, device);
    expect(error).toBeLessThan(mayBeHalf(graph.built!.name) ? 0.02 : 1e-5);
    if (mayBeHalf(graph.built!.name)) expect(error, "something is rounded").toBeGreaterThan(1e-5);
  });
});

describe.each(["cuda", "directml"] as const)("onnxruntime has on %s", (name) => {
  const { takes } = dialects[name];

  test.each(variedCases)("kernels for all that $name is made of, but for what is small", async (network) => {
    const built = (await network.build()).built!;
    const { model: whole, dispose } = await readyWeights(spell(built, dialects[name]), built, takes, InferenceSession);
    await dispose();
    for (const { nodes, opsets } of [whole, inHalfPrecision(whole, hostNodes(whole))]) {
      expect(opsets[""]).toBe(20);
      const ops = new Set(nodes.map(({ domain, op }) => (domain === "" ? op : `${domain}.${op}`)));
      expect([...ops].filter((op) => !kernelsOn[name].has(op) && !smallOps.has(op))).toEqual([]);
    }
  });
});
