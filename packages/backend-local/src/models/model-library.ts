import { withHubCache } from "../files/hub-cache.ts";
import type { Model } from "./model.ts";
import { readModelFolder } from "./model-folder.ts";
import { stampOf } from "./model-hash.ts";

const embedded = "@latentkit/tiny-model";

/** Finds and reads model folders, and reads one again only when its files have changed. */
export class ModelLibrary {
  readonly #default: string | undefined;
  readonly #variant: string | undefined;
  readonly #read = new Map<string, { stamp: string; model: Model }>();
  readonly #reading = new Map<string, Promise<Model>>();

  constructor(defaultModel: string | undefined, variant: string | undefined) {
    this.#default = defaultModel;
    this.#variant = variant;
  }

  /**
   * The model of that name: a folder's path or file URL, or `owner/name` of the Hub's cache; the default one where absent. Callers that ask at the same time
   * are answered together, in the order in which they asked.
   *
   * @throws ModelError
   */
  find(model: string | undefined): Promise<Model> {
    const wanted = model ?? this.#default ?? embedded;
    const reading = this.#reading.get(wanted) ?? this.#find(wanted).finally(() => this.#reading.delete(wanted));
    this.#reading.set(wanted, reading);
    return reading;
  }

  async #find(wanted: string): Promise<Model> {
    const known = this.#read.get(wanted);
    if (known !== undefined && (await stampOf(known.model.files)) === known.stamp) {
      return known.model;
    }
    const model = await this.#open(wanted);
    this.#read.set(wanted, { stamp: await stampOf(model.files), model });
    return model;
  }

  async #open(wanted: string): Promise<Model> {
    if (wanted !== embedded) return withHubCache(wanted, (path) => readModelFolder(path, this.#variant));
    const { modelPath } = await import("@latentkit/tiny-model");
    return readModelFolder(modelPath, undefined, embedded);
  }
}
