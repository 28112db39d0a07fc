import { setImmediate } from "node:timers/promises";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { deviceError } from "../devices/device-error.ts";
import { planSession, type SessionPlan } from "../devices/session.ts";
import type { NetworkGraph } from "../networks/network-graph.ts";
import { requireFinite } from "../pipeline/require-finite.ts";
import { runExported } from "./run-exported.ts";
import type { Runtime } from "./runtime.ts";

/** A network that is loaded and can be run. */
export class Network {
  readonly #graph: NetworkGraph;
  readonly #runtime: Runtime;
  #session: InferenceSession | undefined;
  /** The network that this one is with more fed to it in each run. */
  readonly #fed: { network: Network; more: Record<string, Tensor> } | undefined;
  /** Called before it takes memory. */
  readonly #beforeOpen: (() => Promise<void>) | undefined;
  /** Milliseconds spent inside onnxruntime's runs so far. */
  runMs = 0;

  private constructor(
    graph: NetworkGraph,
    runtime: Runtime,
    beforeOpen?: () => Promise<void>,
    fed?: { network: Network; more: Record<string, Tensor> },
  ) {
    this.#graph = graph;
    this.#runtime = runtime;
    this.#beforeOpen = beforeOpen;
    this.#fed = fed;
  }

  /** The same network, with these fed in each run: what adapters add. Its memory and its time are this one's. */
  feeding(more: Record<string, Tensor>): Network {
    if (Object.keys(more).length === 0) return this;
    return new Network(this.#graph, this.#runtime, undefined, { network: this, more });
  }

  /** @throws EngineError and OutOfMemoryError of a device that does not take it. */
  static async load(graph: NetworkGraph, runtime: Runtime, beforeOpen?: () => Promise<void>): Promise<Network> {
    const network = new Network(graph, runtime, beforeOpen);
    await network.#open();
    return network;
  }

  async #open(): Promise<InferenceSession> {
    if (this.#session === undefined) {
      await this.#beforeOpen?.();
      this.#session = await open(this.#graph, this.#runtime);
    }
    return this.#session;
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
    const session = await this.#open();
    const from = performance.now();
    const { Tensor } = this.#runtime;
    const { exported } = this.#graph;
    const results = await this.#tried(() =>
      exported === undefined
        ? session.run(feeds, [...outputs])
        : runExported(session, { path: exported, feeds, outputs, Tensor }),
    );
    this.runMs += performance.now() - from;
    return outputs.map((output) => results[output]!);
  }

  /** What a GPU gives is looked at: a kernel that is wrong, or overflows, says nothing. */
  async #tried(run: () => Promise<Record<string, Tensor>>): Promise<Record<string, Tensor>> {
    const { device } = this.#runtime;
    try {
      const results = await run();
      if (device.name === "cpu") return results;
      const network = this.#graph.built?.name ?? "network";
      for (const { type, data } of Object.values(results))
        if (type === "float32") requireFinite(data as Float32Array, network, device);
      return results;
    } catch (cause) {
      throw deviceError(device, "failed in a run", cause);
    }
  }

  /** What it is made of. */
  get graph(): NetworkGraph {
    return this.#graph;
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
  const { InferenceSession: Session, sessionOptions, device } = runtime;
  let plan: SessionPlan | undefined;
  try {
    plan = await planSession(graph, device, sessionOptions, Session);
    const { model, options } = plan;
    // TypeScript takes them for two functions.
    return await (typeof model === "string" ? Session.create(model, options) : Session.create(model, options));
  } catch (cause) {
    throw deviceError(device, "could not load a network", cause);
  } finally {
    await plan?.dispose();
  }
}
