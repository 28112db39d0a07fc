import { existsSync } from "node:fs";
import { withHubCache } from "../files/hub-cache.ts";
import { modelError } from "../files/model-error.ts";
import type { Model } from "./model.ts";
import { stampOf } from "./model-hash.ts";
import type { PartPaths } from "./part-source.ts";
import { type ReadOptions, readModel } from "./read-model.ts";

const embedded = "@latentkit/tiny-model";

function bundled(path: string) {
  const cure = `Leave it out of the bundle (esbuild: --external:${embedded}; webpack: externals; Next: serverExternalPackages), and keep it in the node_modules beside the bundle`;
  const message = `The embedded model's files are missing: it seems that ${embedded} was bundled, or left out. ${cure}`;
  return modelError("missing", message, { file: path });
}

/** What a library reads its models by. */
export interface ModelLibraryOptions extends Omit<ReadOptions, "name"> {
  /** The default model: the embedded one where absent. */
  model?: string | undefined;
}

/**
 * Parts that are a model without another: a transformer, or a UNet with all that goes with it, is then read as the model, and the others as its
 * parts. The embedded model has no transformer.
 */
function withoutModel({
  transformer,
  unet,
  ...parts
}: PartPaths = {}): { place: string; parts: PartPaths } | undefined {
  if (transformer !== undefined) return { place: transformer, parts: { ...(unet && { unet }), ...parts } };
  const whole = parts.vae !== undefined && parts.textEncoder !== undefined;
  return unet !== undefined && whole ? { place: unet, parts } : undefined;
}

/** Finds and reads models, and reads one again only when its files have changed. */
export class ModelLibrary {
  readonly #options: ModelLibraryOptions;
  readonly #read = new Map<string, { stamp: string; model: Model }>();
  readonly #reading = new Map<string, Promise<Model>>();

  constructor(options: ModelLibraryOptions = {}) {
    this.#options = options;
  }

  /**
   * The model of that name: the path or file URL of a folder or a file, or `owner/name` of the Hub's cache; the default one where
   * absent. Callers that ask at the same time
   * are answered together, in the order in which they asked.
   *
   * @throws ModelError
   */
  find(model: string | undefined): Promise<Model> {
    const wanted = model ?? this.#options.model ?? embedded;
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
    const { model, variant, parts, prediction, previewVae } = this.#options;
    // Parts belong to the model that they were given with; a model that a request names is as it is.
    const own = (model ?? embedded) === wanted ? { parts, prediction, previewVae } : {};
    if (wanted !== embedded) return withHubCache(wanted, (path) => readModel(path, { variant, ...own }));
    const around = model === undefined ? withoutModel(parts) : undefined;
    if (around !== undefined)
      return withHubCache(around.place, (path) => readModel(path, { variant, ...own, parts: around.parts }));
    const { modelPath } = await import("@latentkit/tiny-model");
    if (!existsSync(modelPath)) throw bundled(modelPath);
    return readModel(modelPath, { name: embedded, ...own });
  }
}
