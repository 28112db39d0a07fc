import type { InferenceSession } from "onnxruntime-node";
import { encodeModel } from "../graph/onnx-model.ts";
import { type NetworkGraph, packs } from "../networks/network-graph.ts";
import type { Device } from "./device.ts";
import { inHalfPrecision, mayBeHalf } from "./half-precision.ts";
import { hostNodes } from "./host-nodes.ts";
import { spell } from "./spell.ts";
import { laidOut } from "./weights/laid-out.ts";
import { onlyHalfFiles, readyWeights } from "./weights/ready-weights.ts";

/** What a session is made of. */
export interface SessionPlan {
  readonly model: Uint8Array | string;
  readonly options: InferenceSession.SessionOptions;
  /** Operators that are left to the CPU. */
  readonly onHost: readonly string[];
  /** To be called once the session is made. */
  dispose(): Promise<void>;
}

/** A network's graph as a device takes it. `more` is what every session of the engine is given; `Session` makes weights ready on the CPU. */
export async function planSession(
  graph: NetworkGraph,
  device: Device,
  more: InferenceSession.SessionOptions,
  Session: typeof InferenceSession,
): Promise<SessionPlan> {
  const { exported, built, sessionOptions } = graph;
  const options = { ...sessionOptions, ...more };
  // An exported graph finds the files of its weights beside it.
  if (exported !== undefined || built === undefined || device.name === "cpu") {
    const laid = built !== undefined && packs(graph) ? await laidOut(built) : undefined;
    const model = laid === undefined ? (exported ?? graph.model) : encodeModel(laid.model);
    return { model, options: { ...options, ...providers(device) }, onHost: [], dispose: async () => laid?.dispose() };
  }
  const { dialect } = device;
  const { model: whole, dispose } = await readyWeights(spell(built, dialect), built, dialect.takes, Session);
  const isHalf = device.precision === "float16" && mayBeHalf(built.name);
  const small = hostNodes(whole);
  const onHost = dialect.small === "host" ? small : [];
  // Wherever they are computed: a timestep's angles are far beyond what float16 can tell apart.
  const model = isHalf ? inHalfPrecision(whole, small) : whole;
  const folds = isHalf && !onlyHalfFiles(whole);
  // A layout for the CPU's convolutions is none for another device's.
  const own = { ...options, graphOptimizationLevel: "extended" as const };
  return {
    model: encodeModel(model),
    options: { ...(folds ? folding(own) : own), ...providers(device, onHost) },
    onHost,
    dispose,
  };
}

/** What computes, the CPU at the end. `onHost` are the operators that are to stay there. */
function providers(device: Device, onHost: readonly string[] = []): InferenceSession.SessionOptions {
  const { provider, deviceId } = device;
  if (provider === "cpu") return { executionProviders: ["cpu"] };
  const own = {
    name: provider,
    ...(deviceId === undefined ? {} : { deviceId }),
    ...(onHost.length === 0 ? {} : { forceCpuNodeNames: onHost }),
  };
  return { executionProviders: [own as InferenceSession.ExecutionProviderConfig, "cpu"] };
}

/** Weights are cast once, at load, in memory that is given back where the device has its own copy. */
function folding(options: InferenceSession.SessionOptions): InferenceSession.SessionOptions {
  const { optimization: _, ...extra } = (options.extra ?? {}) as Record<string, unknown>;
  return { ...options, enableCpuMemArena: false, extra };
}
