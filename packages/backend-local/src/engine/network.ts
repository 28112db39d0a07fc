import { setImmediate } from "node:timers/promises";
import { ConfigError } from "@latentkit/core";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import type { NetworkGraph } from "../networks/network-graph.ts";
import { runExported } from "./run-exported.ts";
import type { Runtime } from "./runtime.ts";

/** A network that is loaded and can be run. */
export class Network {
  readonly #graph: NetworkGraph;
  readonly #runtime: Runtime;
  #session: InferenceSession | undefined;
  /** The network that this one is with more fed to it in each run. */
  readonly #fed: { network: Network; more: Record<string, Tensor> } | undefined;
  /** Milliseconds spent inside onnxruntime's runs so far. */
  runMs = 0;

  private constructor(
    graph: NetworkGraph,
    runtime: Runtime,
    session?: InferenceSession,
    fed?: { network: Network; more: Record<string, Tensor> },
  ) {
    this.#graph = graph;
    this.#runtime = runtime;
    this.#session = session;
    this.#fed = fed;
  }

  /** The same network, with these fed in each run: what adapters add. Its memory and its time are this one's. */
  feeding(more: Record<string, Tensor>): Network {
    if (Object.keys(more).length === 0) return this;
    return new Network(this.#graph, this.#runtime, undefined, { network: this, more });
  }

  /** @throws ConfigError when the execution provider cannot be used, such as for want of a device or a library. */
  static async load(graph: NetworkGraph, runtime: Runtime): Promise<Network> {
    return new Network(graph, runtime, await open(graph, runtime));
  }

  /**
   * Runs it once and gives one of its outputs. The run holds up the whole thread; a cancel that came before is heard first.
   *
   * @throws the signal's reason.
   */
  async run(feeds: Record<string, Tensor>, output: string, signal: AbortSignal): Promise<Tensor> {
    const [result] = await this.runAll(feeds, [output], signal);
    return result!;
  }

  /** {@link run} for several of its outputs. */
  async runAll(feeds: Record<string, Tensor>, outputs: readonly string[], signal: AbortSignal): Promise<Tensor[]> {
    if (this.#fed) return this.#fed.network.runAll({ ...this.#fed.more, ...feeds }, outputs, signal);
    await setImmediate();
    signal.throwIfAborted();
    this.#session ??= await open(this.#graph, this.#runtime);
    const from = performance.now();
    const { Tensor } = this.#runtime;
    const { exported } = this.#graph;
    const results =
      exported === undefined
        ? await this.#session.run(feeds, [...outputs])
        : await runExported(this.#session, { path: exported, feeds, outputs, Tensor });
    this.runMs += performance.now() - from;
    return outputs.map((output) => results[output]!);
  }

  /** Whether it holds memory. */
  get awake(): boolean {
    return this.#session !== undefined;
  }

  /** Gives its memory back. The next run loads it again. */
  async release(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.release();
  }
}

async function open(graph: NetworkGraph, runtime: Runtime): Promise<InferenceSession> {
  const { InferenceSession: Session, sessionOptions, executionProvider } = runtime;
  try {
    const options = { ...graph.sessionOptions, ...sessionOptions };
    // An exported graph finds the files of its weights beside it.
    if (graph.exported !== undefined) return await Session.create(graph.exported, options);
    return await Session.create(graph.model, options);
  } catch (cause) {
    if (executionProvider === "cpu") throw cause;
    const reason = (cause as Error).message.split(" was false. ").at(-1);
    throw new ConfigError(`executionProvider: "${executionProvider}" cannot be used here: ${reason}`, {
      backend: "local",
      details: { field: "executionProvider" },
      cause,
    });
  }
}
