import type { NetworkChoice, NetworkRule, OpenModel } from "../families/family.ts";
import { buildNetwork } from "../models/build-network.ts";
import { type Model, partOf } from "../models/model.ts";
import { type AnyTokenizer, openTokenizer } from "../models/open-tokenizer.ts";
import { openWeights } from "../models/open-weights.ts";
import type { NetworkGraph } from "../networks/network-graph.ts";
import type { PromptTokenizer } from "../prompts/prompt-tokenizer.ts";
import type { TextTokenizer } from "../prompts/text-tokenizer.ts";
import { multipliesIntegers } from "./multiplies-integers.ts";
import { Network } from "./network.ts";
import type { Runtime } from "./runtime.ts";
import { TextCache } from "./text-cache.ts";

/** A model in the engine: its networks load when they are first asked for, and stay. */
export class LoadedModel implements OpenModel {
  readonly model: Model;
  readonly runtime: Runtime;
  readonly texts = new TextCache();
  readonly #networks = new Map<string, Promise<Network>>();
  /** Graphs that have been checked and not yet been loaded. */
  readonly #graphs = new Map<string, NetworkGraph>();
  readonly #tokenizers = new Map<string, Promise<AnyTokenizer>>();
  /** How many networks were released to make place for others. */
  replaced = 0;
  #replacedRunMs = 0;

  constructor(model: Model, runtime: Runtime) {
    this.model = model;
    this.runtime = runtime;
  }

  tokenizer(name: string): Promise<PromptTokenizer> {
    return this.#tokenizer(name) as Promise<PromptTokenizer>;
  }

  textTokenizer(name: string): Promise<TextTokenizer> {
    return this.#tokenizer(name) as Promise<TextTokenizer>;
  }

  #tokenizer(name: string): Promise<AnyTokenizer> {
    const { tokenizers, traits } = this.model;
    const reading = this.#tokenizers.get(name) ?? openTokenizer(tokenizers[name]!, traits.tokenizers[name]!);
    this.#tokenizers.set(name, reading);
    reading.catch(() => this.#tokenizers.delete(name));
    return reading;
  }

  /**
   * Reads the tokenizers and builds the networks' graphs, which loading needs anyway: what is wrong with the model's files
   * is told before the work begins, and at no cost.
   *
   * @throws ModelError
   */
  async check(choices: readonly NetworkChoice[]): Promise<void> {
    for (const name of Object.keys(this.model.tokenizers)) await this.#tokenizer(name);
    for (const choice of choices) {
      const key = keyOf(choice);
      if (this.#networks.has(key) || this.#graphs.has(key)) continue;
      this.#graphs.set(key, await this.#build(choice));
    }
  }

  /** A network, loaded. Of those that are built otherwise only the last one that was asked for stays, each network's. */
  network(choice: NetworkChoice): Promise<Network> {
    const key = keyOf(choice);
    const loaded = this.#networks.get(key) ?? this.#load(choice);
    this.#networks.set(key, loaded);
    return loaded;
  }

  assemble(key: string, part: string, build: NetworkRule["build"]): Promise<Network> {
    const load = async () => {
      const { weights, config } = partOf(this.model, part);
      return Network.load(build(config, await openWeights(weights), {}), this.runtime);
    };
    const loaded = this.#networks.get(key) ?? load();
    this.#networks.set(key, loaded);
    loaded.catch(() => this.#networks.delete(key));
    return loaded;
  }

  beside(key: string, build: () => Promise<NetworkGraph>): Promise<Network> {
    const own = `${besideStart}${key}`;
    const loaded = this.#networks.get(own) ?? build().then((graph) => Network.load(graph, this.runtime));
    this.#networks.set(own, loaded);
    loaded.catch(() => this.#networks.delete(own));
    return loaded;
  }

  async keepBeside(start: string, keys: readonly string[]): Promise<void> {
    const kept = new Set(keys.map((key) => `${besideStart}${key}`));
    for (const [key, loaded] of [...this.#networks]) {
      if (!key.startsWith(`${besideStart}${start}`) || kept.has(key)) continue;
      this.#networks.delete(key);
      await this.#releaseReplaced(await loaded);
    }
  }

  async rest(): Promise<void> {
    for (const loading of [...this.#networks.values()]) {
      const network = await loading;
      if (!network.awake) continue;
      this.replaced++;
      await network.release();
    }
  }

  /** Milliseconds spent inside onnxruntime's runs so far. */
  async runMs(): Promise<number> {
    const loaded = await Promise.all(this.#networks.values());
    return loaded.reduce((sum, network) => sum + network.runMs, this.#replacedRunMs);
  }

  /** Loads networks and the tokenizers, so that a run finds them ready. */
  async load(choices: readonly NetworkChoice[], signal: AbortSignal): Promise<void> {
    for (const name of Object.keys(this.model.tokenizers)) await this.#tokenizer(name);
    for (const choice of choices) {
      signal.throwIfAborted();
      await this.network(choice);
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
      if (typeof choice !== "string") await this.#releaseOthers(key, choice.network);
      const graph = this.#graphs.get(key) ?? (await this.#build(choice));
      this.#graphs.delete(key);
      return await Network.load(graph, this.runtime);
    } catch (error) {
      this.#networks.delete(key);
      throw error;
    }
  }

  #build(choice: NetworkChoice): Promise<NetworkGraph> {
    return buildNetwork(this.model, choice, undefined, () => multipliesIntegers(this.runtime));
  }

  /** Releases the network's variants other than that of `key`. */
  async #releaseOthers(key: string, network: string): Promise<void> {
    for (const [other, loaded] of [...this.#networks]) {
      if (other === key || !other.startsWith(variantStart(network))) continue;
      this.#networks.delete(other);
      await this.#releaseReplaced(await loaded);
    }
  }

  async #releaseReplaced(replaced: Network): Promise<void> {
    this.replaced++;
    this.#replacedRunMs += replaced.runMs;
    await replaced.release();
  }
}

const besideStart = "beside ";

const variantStart = (network: string) => `${network} with `;

function keyOf(choice: NetworkChoice): string {
  if (typeof choice === "string") return choice;
  const { network, ...built } = choice;
  return `${variantStart(network)}${JSON.stringify(built)}`;
}
