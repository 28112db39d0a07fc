import { fileURLToPath } from "node:url";
import { type ModelFolder, readModelFolder } from "./model-folder.ts";
import { stampOf } from "./model-hash.ts";

const embedded = "@latentkit/tiny-model";

/** Finds and reads model folders, and reads one again only when its files have changed. */
export class ModelLibrary {
  readonly #default: string | undefined;
  readonly #variant: string | undefined;
  readonly #read = new Map<string, { stamp: string; folder: ModelFolder }>();
  readonly #reading = new Map<string, Promise<ModelFolder>>();

  constructor(defaultModel: string | undefined, variant: string | undefined) {
    this.#default = defaultModel;
    this.#variant = variant;
  }

  /**
   * The model of that name: a folder's path or file URL; the default one where absent. Callers that ask at the same time
   * are answered together, in the order in which they asked.
   *
   * @throws ModelError
   */
  find(model: string | undefined): Promise<ModelFolder> {
    const wanted = model ?? this.#default ?? embedded;
    const reading = this.#reading.get(wanted) ?? this.#find(wanted).finally(() => this.#reading.delete(wanted));
    this.#reading.set(wanted, reading);
    return reading;
  }

  async #find(wanted: string): Promise<ModelFolder> {
    const known = this.#read.get(wanted);
    if (known !== undefined && (await stampOf(known.folder.files)) === known.stamp) {
      return known.folder;
    }
    const folder = await this.#open(wanted);
    this.#read.set(wanted, { stamp: await stampOf(folder.files), folder });
    return folder;
  }

  async #open(wanted: string): Promise<ModelFolder> {
    if (wanted !== embedded)
      return readModelFolder(wanted.startsWith("file:") ? fileURLToPath(wanted) : wanted, this.#variant);
    const { modelPath } = await import("@latentkit/tiny-model");
    return readModelFolder(modelPath, undefined, embedded);
  }
}
