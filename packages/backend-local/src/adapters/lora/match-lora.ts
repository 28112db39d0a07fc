import { InvalidRequestError, type WarningEvent } from "@latentkit/core";
import { type Model, partOf } from "../../models/model.ts";
import { unetConfig } from "../../networks/unet-2d-condition/unet-2d-condition-config.ts";
import { type NetworkLayer, networkLayers } from "../network-layers.ts";
import { originalFlowLayers } from "./flow-layers.ts";
import type { LoraFile, LoraLayer } from "./lora-file.ts";
import { layerName } from "./lora-keys.ts";
import { originalLayers } from "./original-layers.ts";

/** A LoRA's layer and the model's that it changes. */
export interface Match {
  network: string;
  name: string;
  layer: LoraLayer;
  base: NetworkLayer;
  /** Which of the LoRA's layer's rows are this layer's, where that one makes several at once: from and to, of so many parts. */
  part?: readonly [from: number, to: number, of: number] | undefined;
}

/** A layer of the model's by a spelling of its name. */
interface Spelled {
  name: string;
  base: NetworkLayer;
  part?: Match["part"];
}

/** Finds the model's layers that LoRAs name. */
export class LoraMatcher {
  readonly #model: Model;
  readonly #networks = new Map<string, Promise<Map<string, Spelled[]>>>();

  constructor(model: Model) {
    this.#model = model;
  }

  /**
   * The layers of a LoRA that the model has; a warning counts those that it hasn't.
   *
   * @throws InvalidRequestError where it has none of them, or none of those that are of the network that denoises: families share text encoders.
   */
  async match(file: LoraFile, field: string): Promise<{ matches: Match[]; warnings: WarningEvent[] }> {
    const matches: Match[] = [];
    const missing: string[] = file.unknown.slice();
    for (const layer of file.layers) {
      // kohya calls every denoising network a UNet.
      const isFlow = layer.target === "unet" && this.#model.parts.unet === undefined;
      const network = isFlow ? "transformer" : layer.target;
      const found = (await this.#layersOf(network)).get(layer.layer) ?? [];
      for (const each of found) matches.push({ network, layer, ...each });
      if (found.length === 0) missing.push(`${layer.target}.${layer.layer}`);
    }
    const all = file.layers.length + file.unknown.length;
    const denoising = file.layers.filter(({ target }) => denoises(target));
    const fitsTexts = matches.length > 0 && denoising.length > 0 && !matches.some(({ network }) => denoises(network));
    if (matches.length === 0 || fitsTexts) {
      const names = denoising.map(({ target, layer }) => `${target}.${layer}`);
      const message = fitsTexts
        ? `fits the text encoder alone, as LoRAs of other families do: none of its ${names.length} layers of the denoising network is there (${some(names)})`
        : file.foreign === undefined || this.#model.parts.transformer !== undefined
          ? `fits nothing in the model: none of its ${all} layers is there (${some(missing)})`
          : `is a LoRA of ${file.foreign}, which is another family than the model's`;
      throw new InvalidRequestError([{ field, message }], { backend: "local" });
    }
    if (missing.length === 0) return { matches, warnings: [] };
    const message = `${field}: ${all - missing.length} of ${all} layers fit the model; these have no effect: ${some(missing)}`;
    return { matches, warnings: [{ type: "warning", code: "lora_partial", field, message }] };
  }

  #layersOf(network: string) {
    const known = this.#networks.get(network) ?? this.#read(network);
    this.#networks.set(network, known);
    return known;
  }

  async #read(network: string): Promise<Map<string, Spelled[]>> {
    if (this.#model.parts[network] === undefined) return new Map();
    const layers = await networkLayers(this.#model, network);
    const names = [...layers.keys()];
    const spelled = new Map<string, Spelled[]>();
    const add = (spelling: string, name: string, part?: Match["part"]) => {
      const known = spelled.get(spelling) ?? [];
      spelled.set(spelling, [...known, { name, base: layers.get(name)!, ...(part && { part }) }]);
    };
    for (const name of names) add(layerName(name), name);
    if (network === "unet") {
      const config = unetConfig(partOf(this.#model, network).config);
      for (const [original, name] of originalLayers(config, names))
        spelled.set(original, [{ name, base: layers.get(name)! }]);
    }
    if (network === "transformer") {
      for (const name of names)
        for (const { name: original, part } of originalFlowLayers(name)) {
          // Names that both have are the layer's own.
          const isOwn = spelled.get(layerName(original))?.some((each) => each.part === undefined);
          if (!isOwn) add(layerName(original), name, part);
        }
    }
    return spelled;
  }
}

function denoises(network: string): boolean {
  return !network.startsWith("textEncoder");
}

function some(names: readonly string[]): string {
  return `${names.slice(0, 3).join(", ")}${names.length > 3 ? " …" : ""}`;
}
