import { type ModelFolder, type ModelPart, partWeights } from "../model/model-folder.ts";
import { buildVaeDecoder, buildVaeEncoder } from "../networks/autoencoder-kl.ts";
import { buildClipText } from "../networks/clip-text.ts";
import type { NetworkGraph } from "../networks/network-graph.ts";
import { buildUNet } from "../networks/unet-2d-condition.ts";
import { type PromptTokenizer, readTokenizer } from "../tokenizer/prompt-tokenizer.ts";
import type { Weights } from "../weights/weights.ts";
import { Network } from "./network.ts";
import type { Runtime } from "./runtime.ts";

const networks = {
  textEncoder: ["textEncoder", buildClipText],
  unet: ["unet", buildUNet],
  vaeDecoder: ["vae", buildVaeDecoder],
  vaeEncoder: ["vae", buildVaeEncoder],
} as const satisfies Record<string, [part: string, build: (config: unknown, weights: Weights) => NetworkGraph]>;

/** A network of a model. */
export type NetworkName = keyof typeof networks;

/** A model in the engine: its networks load when they are first asked for, and stay. */
export class LoadedModel {
  readonly folder: ModelFolder;
  readonly runtime: Runtime;
  readonly #networks = new Map<NetworkName, Promise<Network>>();
  #tokenizer: Promise<PromptTokenizer> | undefined;

  constructor(folder: ModelFolder, runtime: Runtime) {
    this.folder = folder;
    this.runtime = runtime;
  }

  tokenizer(): Promise<PromptTokenizer> {
    const { tokenizer, shape } = this.folder;
    this.#tokenizer ??= readTokenizer(tokenizer, shape.maxPositions).catch((error: unknown) => {
      this.#tokenizer = undefined;
      throw error;
    });
    return this.#tokenizer;
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
    const [partName, build] = networks[name];
    const part: ModelPart = this.folder[partName];
    try {
      const weights = await partWeights(part.folder, this.folder.variant);
      return await Network.load(build(part.config, weights), this.runtime);
    } catch (error) {
      this.#networks.delete(name);
      throw error;
    }
  }
}
