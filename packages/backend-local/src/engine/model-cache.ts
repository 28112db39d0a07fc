import type { Model } from "../models/model.ts";
import { LoadedModel } from "./loaded-model.ts";
import type { Runtime } from "./runtime.ts";

/** After so many models released, what onnxruntime keeps of each is worth a new process. */
const wornAfter = 30;

/** The models that stay loaded: the most recently used ones. */
export class ModelCache {
  readonly #runtime: Promise<Runtime>;
  readonly #limit: number;
  readonly #models = new Map<string, LoadedModel>();
  #released = 0;

  constructor(runtime: Promise<Runtime>, limit: number) {
    this.#runtime = runtime;
    this.#limit = limit;
  }

  get worn(): boolean {
    const replaced = [...this.#models.values()].reduce((sum, model) => sum + model.replaced, 0);
    return this.#released + replaced >= wornAfter;
  }

  /** A model, loaded or not: its networks load when first used. */
  async get(model: Model): Promise<LoadedModel> {
    const runtime = await this.#runtime;
    const key = JSON.stringify([model.path, model.identity.hash, model.parts]);
    const loaded = this.#models.get(key) ?? new LoadedModel(model, runtime);
    this.#models.delete(key);
    this.#models.set(key, loaded);
    for (const [old, stale] of this.#models) {
      if (this.#models.size <= this.#limit) break;
      this.#models.delete(old);
      this.#released += 1 + stale.replaced;
      await stale.release();
    }
    return loaded;
  }
}
