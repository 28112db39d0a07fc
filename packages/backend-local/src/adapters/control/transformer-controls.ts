import type { Tensor } from "onnxruntime-node";
import type { Network } from "../../engine/network.ts";
import type { Beside, Codec, FamilyJob, NetworkChoice, OpenModel } from "../../families/family.ts";
import type { Model } from "../../models/model.ts";
import { residualNames } from "../../networks/blocks/residuals.ts";
import { fromPixels } from "../../pipeline/image-tensor.ts";
import type { ControlInput } from "./control-input.ts";
import { type Feeds, loadControls } from "./loaded-controls.ts";
import { type MergedPlaces, mergedPlaces } from "./merged-places.ts";
import { sum, type Values } from "./residuals.ts";
import { steered, type TransformerNet, transformerNet } from "./transformer-nets.ts";

/** What control pictures add to a transformer. */
export interface TransformerControls {
  /** Draws the pictures' latents, one after the other: those of each image before its noise. */
  readonly beside: Beside;
  /**
   * What is added in a step: inputs of the transformer. `feeds` is what ControlNets may see of what the transformer is shown, `drawn` the latents of the
   * pictures.
   */
  added(index: number, feeds: Readonly<Feeds>, drawn: Float32Array): Promise<Feeds>;
  /** What was added last. */
  readonly last: Readonly<Feeds>;
}

/** What a family has to say about its ControlNets. */
export interface TransformerControlsOptions {
  codec: Codec;
  /** A control picture's latent as the network takes it. */
  shown(latent: Float32Array, control: ControlInput): Values;
  /** What of the transformer's feeds it is shown otherwise. */
  feeds?(feeds: Readonly<Feeds>, control: ControlInput): Readonly<Feeds>;
  /** Whether the middle of a picture's distribution is shown, where random numbers would draw from it. */
  middle?: boolean;
}

/** Whether anything of a job steers its transformer. */
export function isControlled({ inputs: { controls = [] } }: Pick<FamilyJob, "inputs">): boolean {
  return controls.length > 0;
}

/** The transformer, with places for what a job's ControlNets add. */
export function controlledTransformer(
  job: Pick<FamilyJob, "inputs">,
  model: Pick<Model, "parts" | "path">,
): NetworkChoice {
  if (!isControlled(job)) return "transformer";
  return { network: "transformer", residuals: listsOf(job, model).map(({ merged }) => merged.places) };
}

/** For each list of blocks what all ControlNets add together. */
function listsOf({ inputs: { controls = [] } }: Pick<FamilyJob, "inputs">, model: Pick<Model, "parts" | "path">) {
  const nets = controls.map(({ source }) => netOf(source).places(source.config, steered(model)));
  return netOf(controls[0]!.source).lists.map((list, i): { list: string; merged: MergedPlaces } => ({
    list,
    merged: mergedPlaces(nets.map((places) => places[i]!)),
  }));
}

function netOf(source: ControlInput["source"]): TransformerNet {
  const net = transformerNet(source);
  if (net === undefined) throw new Error(`${source.path} steers no transformer`);
  return net;
}

/** Looks at a job's control pictures; undefined where there are none. */
export async function transformerControls(
  model: OpenModel,
  job: FamilyJob,
  { codec, shown, feeds: feedsOf = (feeds) => feeds, middle = false }: TransformerControlsOptions,
  signal: AbortSignal,
): Promise<TransformerControls | undefined> {
  const { controls = [] } = job.inputs;
  if (controls.length === 0) return undefined;
  const distributions: Float32Array[] = [];
  for (const { pixels } of controls) distributions.push(await codec.encode(model, fromPixels(pixels), signal));
  const loaded = await loadControls(model, controls);
  const { Tensor } = model.runtime;
  const lists = listsOf(job, model.model);
  const { steps } = job.settings.grid;
  const none = new Tensor("float32", new Float32Array(1), [1, 1, 1]);
  const size = job.dims[0] * job.dims[1] * job.dims[2];
  let last: Feeds = {};
  let seen: { drawn: Float32Array; tokens: readonly Tensor[] } | undefined;

  return {
    beside: {
      drawn: "before noise",
      draw(randn) {
        const drawn = new Float32Array(controls.length * size);
        for (const [i, distribution] of distributions.entries())
          drawn.set(codec.draw(model, distribution, middle ? (n) => new Float32Array(n) : randn), i * size);
        return drawn;
      },
    },

    get last() {
      return last;
    },

    async added(index, feeds, drawn) {
      // Hundreds of megabytes for a large picture: not beside the next step's.
      last = {};
      const tokens = seen?.drawn === drawn ? seen.tokens : tokensOf(drawn);
      seen = { drawn, tokens };
      const results: (readonly Values[][] | undefined)[] = [];
      for (const [i, { input, steer }] of loaded.entries()) {
        const acts = index / steps >= input.start && (index + 1) / steps <= input.end && input.strength !== 0;
        results.push(acts ? await run(steer!, input, { ...feedsOf(feeds, input), control: tokens[i]! }) : undefined);
      }
      const added: Feeds = {};
      for (const [l, { list, merged }] of lists.entries())
        for (const [r, name] of residualNames(list, merged.parts.length).entries()) {
          const own = merged.parts[r]!.flatMap((part, net) => results[net]?.[l]?.[part] ?? []);
          const joined = sum(own);
          added[name] = joined === undefined ? none : asTensor(joined);
        }
      last = added;
      return added;
    },
  };

  function tokensOf(drawn: Float32Array): Tensor[] {
    return controls.map((control, i) => {
      const { data, dims } = shown(drawn.subarray(i * size, (i + 1) * size), control);
      return new Tensor("float32", data, dims);
    });
  }

  /** What one ControlNet makes, for each list. */
  async function run(steer: Network, input: ControlInput, feeds: Readonly<Feeds>): Promise<Values[][]> {
    const all: Feeds = { ...feeds, scale: new Tensor("float32", Float32Array.of(input.strength), [1]) };
    if (input.kind !== undefined) all.kind = new Tensor("int64", BigInt64Array.of(BigInt(input.kind)), [1]);
    const { inputs, outputs } = steer.graph;
    const taken = Object.fromEntries(inputs.flatMap(({ name }) => (all[name] ? [[name, all[name]]] : [])));
    const names = outputs.map(({ name }) => name);
    const made = await steer.runAll(taken, names, signal);
    return lists.map(({ list }) =>
      names.flatMap((name, i) => (name.startsWith(`control.${list}.`) ? [made[i]! as unknown as Values] : [])),
    );
  }

  function asTensor(values: Values): Tensor {
    return values instanceof Tensor ? (values as unknown as Tensor) : new Tensor("float32", values.data, values.dims);
  }
}
