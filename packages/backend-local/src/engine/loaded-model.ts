import { familyOf } from "../families/families.ts";
import type { BesidePlace, NetworkChoice, NetworkRule, OpenModel } from "../families/family.ts";
import { buildNetwork, networkOf } from "../models/build-network.ts";
import { type Model, partOf } from "../models/model.ts";
import { type AnyTokenizer, openTokenizer } from "../models/open-tokenizer.ts";
import { openWeights } from "../models/open-weights.ts";
import { type BuildOptions, type NetworkGraph, withoutPacking } from "../networks/network-graph.ts";
import type { PromptTokenizer } from "../prompts/prompt-tokenizer.ts";
import type { TextTokenizer } from "../prompts/text-tokenizer.ts";
import { multipliesIntegers } from "./multiplies-integers.ts";
import { Network } from "./network.ts";
import type { Runtime } from "./runtime.ts";
import { TextCache } from "./text-cache.ts";
import { type Turn, turnOf } from "./turn-of.ts";

/** A model in the engine: its networks load when they are first asked for, and stay. */
export class LoadedModel implements OpenModel {
  readonly model: Model;
  readonly runtime: Runtime;
  readonly texts = new TextCache();
  readonly #networks = new Map<string, Promise<Network>>();
  /** Graphs that have been checked and not yet been loaded. */
  readonly #graphs = new Map<string, NetworkGraph>();
  readonly #tokenizers = new Map<string, Promise<AnyTokenizer>>();
  /** Networks that have been loaded, and when each has its turn. */
  readonly #turns = new Map<Network, Turn>();
  /** How memory is shared out, as the job at work needs it. */
  #arrangement: Arrangement = { keeps: true, packs: true };
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
    for (const choice of choices) await this.graph(choice);
  }

  /** A network's graph: a loaded one's, or one that is kept for loading it. */
  async graph(choice: NetworkChoice): Promise<NetworkGraph> {
    const key = keyOf(choice);
    const loaded = await this.#networks.get(key);
    if (loaded !== undefined) return loaded.graph;
    const graph = this.#graphs.get(key) ?? (await this.#build(choice));
    this.#graphs.set(key, graph);
    return graph;
  }

  /** A network, loaded. Of those that are built otherwise only the last one that was asked for stays, each network's. */
  network(choice: NetworkChoice): Promise<Network> {
    const key = keyOf(choice);
    const loaded = this.#networks.get(key) ?? this.#load(choice);
    this.#networks.set(key, loaded);
    return loaded;
  }

  /** Shares memory out anew. Networks whose weights are to be kept otherwise are loaded again. */
  async arrange(arrangement: Arrangement): Promise<void> {
    const { packs } = this.#arrangement;
    this.#arrangement = arrangement;
    if (packs === arrangement.packs) return;
    this.#graphs.clear();
    if (this.#networks.size > 0) this.replaced++;
    await this.release();
  }

  /** Loads a network of a turn; where networks take turns, those of others rest meanwhile. */
  async #open(graph: NetworkGraph, turn: Turn): Promise<Network> {
    const network = await Network.load(graph, this.runtime, async () => {
      if (this.#arrangement.keeps) return;
      for (const [other, of] of this.#turns) if (of !== turn) await this.#lay(other);
    });
    this.#turns.set(network, turn);
    return network;
  }

  /** Gives a network's memory back until it is run again. */
  async #lay(network: Network): Promise<void> {
    if (!network.awake) return;
    this.replaced++;
    await network.release();
  }

  assemble(key: string, part: string, build: NetworkRule["build"]): Promise<Network> {
    const load = async () => {
      const { weights, config } = partOf(this.model, part);
      return this.#open(build(config, await openWeights(weights), {}), turnOf({ part }));
    };
    const loaded = this.#networks.get(key) ?? load();
    this.#networks.set(key, loaded);
    loaded.catch(() => this.#networks.delete(key));
    return loaded;
  }

  beside(place: BesidePlace, build: (options: BuildOptions) => Promise<NetworkGraph>): Promise<Network> {
    const own = besideKey(place);
    const load = async () => {
      const graph = await this.besideGraph(place, build);
      this.#graphs.delete(own);
      return this.#open(graph, "denoise");
    };
    const loaded = this.#networks.get(own) ?? load();
    this.#networks.set(own, loaded);
    loaded.catch(() => this.#networks.delete(own));
    return loaded;
  }

  /** The graph of a network of other files: a loaded one's, or one that is kept for loading it. */
  async besideGraph(
    place: BesidePlace,
    build: (options: BuildOptions) => Promise<NetworkGraph>,
  ): Promise<NetworkGraph> {
    const own = besideKey(place);
    const loaded = await this.#networks.get(own);
    if (loaded !== undefined) return loaded.graph;
    const graph = this.#graphs.get(own) ?? (await build({}));
    this.#graphs.set(own, graph);
    return graph;
  }

  async keepBeside(start: string, places: readonly BesidePlace[]): Promise<void> {
    const kept = new Set(places.map(besideKey));
    for (const key of [...this.#graphs.keys()])
      if (key.startsWith(`${besideStart}${start}`) && !kept.has(key)) this.#graphs.delete(key);
    for (const [key, loaded] of [...this.#networks]) {
      if (!key.startsWith(`${besideStart}${start}`) || kept.has(key)) continue;
      this.#networks.delete(key);
      await this.#releaseReplaced(await loaded);
    }
  }

  async rest(): Promise<void> {
    for (const loading of [...this.#networks.values()]) {
      await this.#lay(await loading);
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
    this.#turns.clear();
    for (const result of loaded) if (result.status === "fulfilled") await result.value.release();
  }

  async #load(choice: NetworkChoice): Promise<Network> {
    const key = keyOf(choice);
    try {
      if (typeof choice !== "string") await this.#releaseOthers(key, choice.network);
      const graph = this.#graphs.get(key) ?? (await this.#build(choice));
      this.#graphs.delete(key);
      const { networks } = await familyOf(this.model).engine();
      return await this.#open(graph, turnOf(networks[networkOf(choice)]!));
    } catch (error) {
      this.#networks.delete(key);
      throw error;
    }
  }

  async #build(choice: NetworkChoice): Promise<NetworkGraph> {
    const graph = await buildNetwork(this.model, choice, undefined, () => multipliesIntegers(this.runtime));
    return this.#arrangement.packs ? graph : withoutPacking(graph);
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
    this.#turns.delete(replaced);
    await replaced.release();
  }
}

/** How memory is shared out among a model's networks. */
export interface Arrangement {
  /** Whether all stay loaded; where not, text encoders, the denoising network and the VAE take turns. */
  readonly keeps: boolean;
  /** Whether weights of integer products are laid out for them, in memory of their own: two to three times as fast. */
  readonly packs: boolean;
}

const besideStart = "beside ";

function besideKey(place: BesidePlace): string {
  return `${besideStart}${typeof place === "string" ? place : place.key}`;
}

const variantStart = (network: string) => `${network} with `;

function keyOf(choice: NetworkChoice): string {
  if (typeof choice === "string") return choice;
  const { network, ...built } = choice;
  return `${variantStart(network)}${JSON.stringify(built)}`;
}
