import { open } from "node:fs/promises";
import type { WarningEvent } from "@latentkit/core";
import type { LoadedModel } from "../../engine/loaded-model.ts";
import type { Network } from "../../engine/network.ts";
import { TextCache } from "../../engine/text-cache.ts";
import { familyOf } from "../../families/families.ts";
import type { BesidePlace, NetworkChoice } from "../../families/family.ts";
import { networkOf } from "../../models/build-network.ts";
import { stampOf } from "../../models/model-hash.ts";
import { type AdaptedLayer, adapterInputs, layerAdapter } from "../adapted-layers.ts";
import type { AdaptedModel } from "../adapted-model.ts";
import type { NetworkLayer } from "../network-layers.ts";
import { ofField } from "../of-field.ts";
import { dense, type LayerDelta, layerDelta, partDelta } from "./layer-delta.ts";
import { readLora } from "./lora-file.ts";
import { LoraMatcher } from "./match-lora.ts";
import { add, type Matrix } from "./matrix.ts";

/** A LoRA of a request, its file's path absolute. */
export interface LoraRequest {
  readonly model: string;
  readonly strength: number;
  readonly textEncoderStrength?: number | undefined;
}

/** What adapters add to one network: its layers with a place for it, and the tensors to feed. */
interface NetworkAdapters {
  layers: readonly AdaptedLayer[];
  feeds: Readonly<Record<string, { data: Float32Array; dims: readonly number[] }>>;
}

/** A request's adapters, read. */
interface Adapters {
  networks: ReadonlyMap<string, NetworkAdapters>;
  warnings: readonly WarningEvent[];
  /** Texts encoded with them. */
  texts: TextCache;
}

const read = new WeakMap<LoadedModel, { key: string; adapters: Promise<Adapters>; matcher: LoraMatcher }>();

/**
 * A model with LoRAs added: the networks that these change have places for what is added, fed with each run. The last
 * request's are kept, so that a series of pictures reads them once. With none, or none of any strength, it is the model as it is.
 *
 * @throws InvalidRequestError, ModelError
 */
export async function withLoras(model: LoadedModel, loras: readonly LoraRequest[]): Promise<AdaptedModel> {
  const acting = loras.flatMap((lora, i) => {
    const text = lora.textEncoderStrength ?? lora.strength;
    return lora.strength === 0 && text === 0
      ? []
      : [{ ...lora, textEncoderStrength: text, field: `loras[${i}].model` }];
  });
  if (acting.length === 0) return asItIs(model);
  const key = JSON.stringify([acting, await stampOf(acting.map((lora) => lora.model))]);
  const last = read.get(model);
  const matcher = last?.matcher ?? new LoraMatcher(model.model);
  const adapters = last?.key === key ? last.adapters : readAdapters(acting, matcher);
  read.set(model, { key, adapters, matcher });
  const { networks, warnings, texts } = await adapters.catch((error: unknown) => {
    read.delete(model);
    throw error;
  });
  const rules = (await familyOf(model.model).engine()).networks;
  const addedTo = (choice: NetworkChoice) => {
    const network = networkOf(choice);
    return networks.get(rules[network]?.preparesFor ?? network);
  };
  const chosen = (choice: NetworkChoice): NetworkChoice => {
    const adapted = addedTo(choice)?.layers;
    if (adapted === undefined) return choice;
    return { ...(typeof choice === "string" ? { network: choice } : choice), adapted };
  };
  /** A network, fed what is added to those layers that it has. */
  const fed = (network: Network, added: NetworkAdapters | undefined): Network => {
    const takes = new Set(network.graph.inputs.map(({ name }) => name));
    const feeds = Object.entries(added?.feeds ?? {}).filter(([name]) => takes.has(name));
    const tensors = feeds.map(([name, { data, dims }]) => [name, new model.runtime.Tensor("float32", data, dims)]);
    return network.feeding(Object.fromEntries(tensors));
  };
  /** A network of other files, with the adapters of that whose layers it shares. */
  const sharing = (place: BesidePlace) => {
    const { key, shares } = typeof place === "string" ? { key: place, shares: undefined } : place;
    const own = shares === undefined ? undefined : networks.get(shares);
    return own === undefined ? { key, own } : { key: `${key} ${JSON.stringify(own.layers)}`, own };
  };
  const changesTexts = [...networks.keys()].some((network) => network.startsWith("textEncoder"));
  return {
    model: model.model,
    runtime: model.runtime,
    texts: changesTexts ? texts : model.texts,
    warnings,
    chosen,
    tokenizer: (name) => model.tokenizer(name),
    textTokenizer: (name) => model.textTokenizer(name),
    assemble: (...part) => model.assemble(...part),
    async beside(place, build) {
      const { key, own } = sharing(place);
      if (own === undefined) return model.beside(key, build);
      return fed(await model.beside(key, () => build({ adapter: layerAdapter(own.layers) })), own);
    },
    keepBeside: (start, places) =>
      model.keepBeside(
        start,
        places.map((place) => sharing(place).key),
      ),
    rest: () => model.rest(),
    async network(choice) {
      const network = await model.network(chosen(choice));
      // Not all layers are those of a network that prepares for another.
      return fed(network, addedTo(choice));
    },
  };
}

function asItIs(model: LoadedModel): AdaptedModel {
  const { model: own, runtime, texts } = model;
  const tokenizer = (name: string) => model.tokenizer(name);
  const network = (choice: NetworkChoice) => model.network(choice);
  const assemble: AdaptedModel["assemble"] = (...part) => model.assemble(...part);
  const textTokenizer = (name: string) => model.textTokenizer(name);
  const rest = () => model.rest();
  return {
    model: own,
    runtime,
    texts,
    tokenizer,
    textTokenizer,
    network,
    assemble,
    beside: (...other) => model.beside(...other),
    keepBeside: (...keys) => model.keepBeside(...keys),
    rest,
    warnings: [],
    chosen: (choice) => choice,
  };
}

type Acting = LoraRequest & { field: string; textEncoderStrength: number };

async function readAdapters(loras: readonly Acting[], matcher: LoraMatcher): Promise<Adapters> {
  const warnings: WarningEvent[] = [];
  const deltas = new Map<string, Map<string, { base: NetworkLayer; all: LayerDelta[] }>>();
  for (const { model: path, strength, textEncoderStrength, field } of loras) {
    const header = await ofField(field, readLora(path));
    const { matches, warnings: more } = await matcher.match(header, field);
    warnings.push(...more);
    const opened = await open(path);
    try {
      const file = { ...header, opened };
      for (const { network, name, layer, base, part } of matches) {
        const acts = network.startsWith("textEncoder") ? textEncoderStrength : strength;
        if (acts === 0) continue;
        const layers = deltas.get(network) ?? new Map<string, { base: NetworkLayer; all: LayerDelta[] }>();
        const entry = layers.get(name) ?? { base, all: [] };
        const delta = part ? partDelta(file, layer, base, acts, part) : layerDelta(file, layer, base, acts);
        entry.all.push(await ofField(field, delta));
        deltas.set(network, layers.set(name, entry));
      }
    } finally {
      await opened.close();
    }
  }
  const networks = new Map([...deltas].map(([network, layers]) => [network, ofNetwork(layers)]));
  return { networks, warnings, texts: new TextCache() };
}

function ofNetwork(deltas: ReadonlyMap<string, { base: NetworkLayer; all: LayerDelta[] }>): NetworkAdapters {
  const layers: AdaptedLayer[] = [];
  const feeds: Record<string, { data: Float32Array; dims: readonly number[] }> = {};
  // In one order, whatever the file's: the same layers are the same graph.
  for (const name of [...deltas.keys()].sort()) {
    const { base, all } = deltas.get(name)!;
    const [out, inputs, ...kernel] = base.shape as [number, number, ...number[]];
    const joined = joinedLowRank(all);
    if (joined && joined.down.rows < Math.min(out, inputs)) {
      const { up, down } = joined;
      const point = base.kind === "conv" ? [1, 1] : [];
      layers.push({ name, form: "low-rank" });
      feeds[adapterInputs.down(name)] = { data: down.data, dims: [down.rows, inputs, ...kernel] };
      feeds[adapterInputs.up(name)] = { data: up.data, dims: [out, up.columns, ...point] };
    } else {
      layers.push({ name, form: "dense" });
      feeds[adapterInputs.delta(name)] = { data: all.map(dense).reduce(add).data, dims: [out, inputs, ...kernel] };
    }
  }
  return { layers, feeds };
}

/** Several products of low rank as one: their ranks side by side. Undefined where one is none. */
function joinedLowRank(all: readonly LayerDelta[]): { up: Matrix; down: Matrix } | undefined {
  const products = all.flatMap((delta) => (delta.kind === "low-rank" ? [delta] : []));
  if (products.length < all.length) return undefined;
  if (products.length === 1) return products[0];
  const rank = products.reduce((sum, { down }) => sum + down.rows, 0);
  const [{ up: first, down: firstDown }] = products as [(typeof products)[0]];
  const up = { rows: first.rows, columns: rank, data: new Float32Array(first.rows * rank) };
  const down = { rows: rank, columns: firstDown.columns, data: new Float32Array(rank * firstDown.columns) };
  let from = 0;
  for (const { up: u, down: d } of products) {
    down.data.set(d.data, from * d.columns);
    for (let i = 0; i < u.rows; i++) up.data.set(u.data.subarray(i * u.columns, (i + 1) * u.columns), i * rank + from);
    from += d.rows;
  }
  return { up, down };
}
