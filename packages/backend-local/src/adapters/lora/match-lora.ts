import { InvalidRequestError, type WarningEvent } from "@latentkit/core";
import { type Model, partOf } from "../../models/model.ts";
import { unetConfig } from "../../networks/unet-2d-condition/unet-2d-condition-config.ts";
import { type NetworkLayer, networkLayers } from "../network-layers.ts";
import type { LoraFile, LoraLayer } from "./lora-file.ts";
import { layerName } from "./lora-keys.ts";
import { originalLayers } from "./original-layers.ts";

/** A LoRA's layer and the model's that it changes. */
export interface Match {
  network: string;
  name: string;
  layer: LoraLayer;
  base: NetworkLayer;
}

/** Finds the model's layers that LoRAs name. */
export class LoraMatcher {
  readonly #model: Model;
  readonly #networks = new Map<string, Promise<Map<string, [name: string, base: NetworkLayer]>>>();

  constructor(model: Model) {
    this.#model = model;
  }

  /**
   * The layers of a LoRA that the model has; a warning counts those that it hasn't.
   *
   * @throws InvalidRequestError where it has none of them.
   */
  async match(file: LoraFile, field: string): Promise<{ matches: Match[]; warnings: WarningEvent[] }> {
    const matches: Match[] = [];
    const missing: string[] = file.unknown.slice();
    for (const layer of file.layers) {
      const found = (await this.#layersOf(layer.target)).get(layer.layer);
      if (found) matches.push({ network: layer.target, name: found[0], layer, base: found[1] });
      else missing.push(`${layer.target}.${layer.layer}`);
    }
    const all = file.layers.length + file.unknown.length;
    if (matches.length === 0) {
      const message = `fits nothing in the model: none of its ${all} layers is there (${some(missing)})`;
      throw new InvalidRequestError([{ field, message }], { backend: "local" });
    }
    if (missing.length === 0) return { matches, warnings: [] };
    const message = `${field}: ${matches.length} of ${all} layers fit the model; these have no effect: ${some(missing)}`;
    return { matches, warnings: [{ type: "warning", code: "lora_partial", field, message }] };
  }

  #layersOf(network: string) {
    const known = this.#networks.get(network) ?? this.#read(network);
    this.#networks.set(network, known);
    return known;
  }

  async #read(network: string): Promise<Map<string, [string, NetworkLayer]>> {
    if (this.#model.parts[network] === undefined) return new Map();
    const layers = await networkLayers(this.#model, network);
    const names = [...layers.keys()];
    const spelled = new Map(names.map((name) => [layerName(name), name]));
    if (network === "unet") {
      const config = unetConfig(partOf(this.#model, network).config);
      for (const [original, name] of originalLayers(config, names)) spelled.set(original, name);
    }
    return new Map([...spelled].map(([spelling, name]) => [spelling, [name, layers.get(name)!]]));
  }
}

function some(names: readonly string[]): string {
  return `${names.slice(0, 3).join(", ")}${names.length > 3 ? " …" : ""}`;
}
