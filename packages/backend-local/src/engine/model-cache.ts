import type { ModelFolder } from "../models/model-folder.ts";
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
  async get(folder: ModelFolder): Promise<LoadedModel> {
    const runtime = await this.#runtime;
    const key = JSON.stringify([folder.path, folder.variant ?? "", folder.identity.hash]);
    const model = this.#models.get(key) ?? new LoadedModel(folder, runtime);
    this.#models.delete(key);
    this.#models.set(key, model);
    for (const [old, stale] of this.#models) {
      if (this.#models.size <= this.#limit) break;
      this.#models.delete(old);
      this.#released += 1 + stale.replaced;
      await stale.release();
    }
    return model;
  }
}
