import { ConfigError } from "@latentkit/core";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { type ExecutionProvider, executionProviders } from "../local-options.ts";
import { importOnnxruntime } from "./import-onnxruntime.ts";
import type { EngineSettings } from "./protocol.ts";

/** onnxruntime, ready to make sessions. */
export interface Runtime {
  readonly InferenceSession: typeof InferenceSession;
  readonly Tensor: typeof Tensor;
  readonly executionProvider: ExecutionProvider;
  /** Version of onnxruntime-node. */
  readonly version: string;
  /** Most bytes that the engine is to take of its own, where there is a bound. */
  readonly maxMemory?: number | undefined;
  /** What every session is given beside its graph's own options. */
  readonly sessionOptions: InferenceSession.SessionOptions;
}

const onnxruntimeNames: Readonly<Record<ExecutionProvider, string>> = {
  cpu: "cpu",
  cuda: "cuda",
  webgpu: "webgpu",
  directml: "dml",
  coreml: "coreml",
};

/**
 * Loads onnxruntime-node.
 *
 * @throws EngineError when it does not load on this platform, ConfigError when it lacks the execution provider.
 */
export async function loadRuntime({
  executionProvider,
  threads,
  maxMemory,
}: Pick<EngineSettings, "executionProvider" | "threads" | "maxMemory">): Promise<Runtime> {
  const ort = await importOnnxruntime();
  const available = ort.listSupportedBackends().map(({ name }) => name);
  const name = onnxruntimeNames[executionProvider];
  if (!available.includes(name)) {
    const usable = executionProviders.filter((known) => available.includes(onnxruntimeNames[known]));
    throw new ConfigError(
      `executionProvider: "${executionProvider}" is not in this build of onnxruntime-node ${ort.env.versions.node} ` +
        `for ${process.platform}-${process.arch}; available: ${usable.join(", ")}`,
      { backend: "local", details: { field: "executionProvider", available: usable } },
    );
  }
  return {
    executionProvider,
    maxMemory,
    InferenceSession: ort.InferenceSession,
    Tensor: ort.Tensor,
    version: ort.env.versions.node ?? "unknown",
    sessionOptions: {
      executionProviders: name === "cpu" ? ["cpu"] : [name, "cpu"],
      // Its warnings are about our graphs, not the user's model: only errors are kept, for a crash's message.
      logSeverityLevel: 3,
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    },
  };
}
