import { buildNetwork, type NetworkChoice } from "../models/build-network.ts";
import type { ModelFolder } from "../models/model-folder.ts";
import type { NetworkGraph } from "../networks/network-graph.ts";
import { type PromptTokenizer, readTokenizer } from "../prompts/prompt-tokenizer.ts";
import { Network } from "./network.ts";
import type { Runtime } from "./runtime.ts";

/** A model in the engine: its networks load when they are first asked for, and stay. */
export class LoadedModel {
  readonly folder: ModelFolder;
  readonly runtime: Runtime;
  readonly #networks = new Map<string, Promise<Network>>();
  /** Graphs that have been checked and not yet been loaded. */
  readonly #graphs = new Map<string, NetworkGraph>();
  /** How many networks were released to make place for others. */
  replaced = 0;
  #replacedRunMs = 0;
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
  async check(choices: readonly NetworkChoice[]): Promise<void> {
    await this.tokenizer();
    for (const choice of choices) {
      const key = keyOf(choice);
      if (this.#networks.has(key) || this.#graphs.has(key)) continue;
      this.#graphs.set(key, await buildNetwork(this.folder, choice));
    }
  }

  /** A network, loaded. Of UNets with perturbed attention only the last one that was asked for stays. */
  network(choice: NetworkChoice): Promise<Network> {
    const key = keyOf(choice);
    const loaded = this.#networks.get(key) ?? this.#load(choice);
    this.#networks.set(key, loaded);
    return loaded;
  }

  /** Milliseconds spent inside onnxruntime's runs so far. */
  async runMs(): Promise<number> {
    const loaded = await Promise.all(this.#networks.values());
    return loaded.reduce((sum, network) => sum + network.runMs, this.#replacedRunMs);
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

  async #load(choice: NetworkChoice): Promise<Network> {
    const key = keyOf(choice);
    try {
      if (typeof choice !== "string") await this.#releaseOthers(key);
      const graph = this.#graphs.get(key) ?? (await buildNetwork(this.folder, choice));
      this.#graphs.delete(key);
      return await Network.load(graph, this.runtime);
    } catch (error) {
      this.#networks.delete(key);
      throw error;
    }
  }

  /** Releases the UNets with perturbed attention other than that of `key`. */
  async #releaseOthers(key: string): Promise<void> {
    for (const [other, loaded] of [...this.#networks]) {
      if (other === key || !other.startsWith(perturbedKey)) continue;
      this.#networks.delete(other);
      const network = await loaded;
      this.replaced++;
      this.#replacedRunMs += network.runMs;
      await network.release();
    }
  }
}

const perturbedKey = "unet without ";

function keyOf(choice: NetworkChoice): string {
  return typeof choice === "string" ? choice : `${perturbedKey}${choice.perturbedLayers.join(" ")}`;
}
