import { buildNetwork, type NetworkName } from "../model/build-network.ts";
import type { ModelFolder } from "../model/model-folder.ts";
import type { NetworkGraph } from "../networks/network-graph.ts";
import { type PromptTokenizer, readTokenizer } from "../tokenizer/prompt-tokenizer.ts";
import { Network } from "./network.ts";
import type { Runtime } from "./runtime.ts";

/** A model in the engine: its networks load when they are first asked for, and stay. */
export class LoadedModel {
  readonly folder: ModelFolder;
  readonly runtime: Runtime;
  readonly #networks = new Map<NetworkName, Promise<Network>>();
  /** Graphs that have been checked and not yet been loaded. */
  readonly #graphs = new Map<NetworkName, NetworkGraph>();
  #tokenizer: Promise<PromptTokenizer> | undefined;

  constructor(folder: ModelFolder, runtime: Runtime) {
    this.folder = folder;
    this.runtime = runtime;
  }

  tokenizer(): Promise<PromptTokenizer> {
    const { tokenizer, shape } = this.folder;
    this.#tokenizer ??= readTokenizer(tokenizer, shape).catch((error: unknown) => {
      this.#tokenizer = undefined;
      throw error;
    });
    return this.#tokenizer;
  }

  /**
   * Reads the tokenizer and builds the networks' graphs, which loading needs anyway: what is wrong with the model's files
   * is told before the work begins, and at no cost.
   *
   * @throws ModelError
   */
  async check(names: readonly NetworkName[]): Promise<void> {
    await this.tokenizer();
    for (const name of names) {
      if (this.#networks.has(name) || this.#graphs.has(name)) continue;
      this.#graphs.set(name, await buildNetwork(this.folder, name));
    }
  }

  network(name: NetworkName): Promise<Network> {
    const loaded = this.#networks.get(name) ?? this.#load(name);
    this.#networks.set(name, loaded);
    return loaded;
  }

  /** Milliseconds spent inside onnxruntime's runs so far. */
  async runMs(): Promise<number> {
    const loaded = await Promise.all(this.#networks.values());
    return loaded.reduce((sum, network) => sum + network.runMs, 0);
  }

  /** Loads what a text-to-image run needs. */
  async loadAll(signal: AbortSignal): Promise<void> {
    await this.tokenizer();
    for (const name of ["textEncoder", "unet", "vaeDecoder"] as const) {
      signal.throwIfAborted();
      await this.network(name);
    }
  }

  async release(): Promise<void> {
    const loaded = await Promise.allSettled(this.#networks.values());
    this.#networks.clear();
    for (const result of loaded) if (result.status === "fulfilled") await result.value.release();
  }

  async #load(name: NetworkName): Promise<Network> {
    try {
      const graph = this.#graphs.get(name) ?? (await buildNetwork(this.folder, name));
      this.#graphs.delete(name);
      return await Network.load(graph, this.runtime);
    } catch (error) {
      this.#networks.delete(name);
      throw error;
    }
  }
}
