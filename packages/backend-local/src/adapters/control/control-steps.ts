import type { Tensor } from "onnxruntime-node";
import type { Network } from "../../engine/network.ts";
import type { FamilyJob, OpenModel } from "../../families/family.ts";
import { partOf } from "../../models/model.ts";
import { controlOutputs } from "../../networks/controlnet/controlnet.ts";
import { controlNetConfig } from "../../networks/controlnet/controlnet-config.ts";
import { featureChannels, featureOutputs, t2iAdapterConfig } from "../../networks/t2i-adapter/t2i-adapter.ts";
import { unetConfig } from "../../networks/unet-2d-condition/unet-2d-condition-config.ts";
import { toControlPlanes } from "./control-planes.ts";
import { type Feeds, type LoadedControl, loadControls } from "./loaded-controls.ts";
import { sum, withZeroRows } from "./residuals.ts";

/** A step of the denoising network, as controls see it. */
export interface ControlledStep {
  index: number;
  /** Rows of the batch: unconditional ones first. */
  count: number;
  /** The latents that the network is shown, `[count, channels, height, width]`, without more channels. */
  latents: Tensor;
  /** What it is shown beside them: the timestep, texts. */
  feeds: Readonly<Feeds>;
}

/** What controls add to a step: inputs of the UNet. */
export type ControlSteps = (step: ControlledStep) => Promise<Feeds>;

/** How a UNet must be built for a job's controls: see NetworkVariant. */
export function controlVariant({ inputs: { controls = [] } }: FamilyJob): { controlled?: true; features?: number } {
  const features = controls
    .filter(({ source }) => source.kind === "t2i-adapter")
    .map(({ source }) => featureChannels(t2iAdapterConfig(source.config)).length);
  return {
    ...(controls.some(({ source }) => source.kind === "controlnet") ? { controlled: true } : {}),
    ...(features.length > 0 ? { features: Math.max(...features) } : {}),
  };
}

/** Looks at a job's control pictures, and gives what they add in each step; undefined where there are none. */
export async function controlSteps(
  model: OpenModel,
  job: FamilyJob,
  signal: AbortSignal,
): Promise<ControlSteps | undefined> {
  const { controls = [] } = job.inputs;
  if (controls.length === 0) return undefined;
  const loaded = await loadControls(model, controls);
  const { Tensor } = model.runtime;
  const nets = new Map<string, NetControl[]>();
  const adapters: { control: LoadedControl; features: Float32Array[]; dims: (readonly number[])[] }[] = [];
  for (const control of loaded) {
    const { input, look, steer } = control;
    const { data, dims } = toControlPlanes(input);
    const picture = new Tensor("float32", data, dims);
    if (look === undefined) continue;
    if (steer === undefined) {
      const outputs = featureOutputs(featureChannels(t2iAdapterConfig(input.source.config)).length);
      const features = await look.runAll({ picture }, outputs, signal);
      const scaled = features.map(({ data: values }) =>
        (values as Float32Array).map((value) => value * input.strength),
      );
      adapters.push({ control, features: scaled, dims: features.map(({ dims: own }) => own) });
      continue;
    }
    // Pictures of several kinds that one network sees are seen together.
    const key = input.kind === undefined ? input.field : input.source.path;
    nets.set(key, [...(nets.get(key) ?? []), { control, look, steer, picture }]);
  }
  const steps = job.settings.grid.steps;
  const acts = ({ input: { start, end } }: LoadedControl, index: number) =>
    index / steps >= start && (index + 1) / steps <= end;
  const none = new Tensor("float32", new Float32Array(1), [1, 1, 1, 1]);
  const variant = controlVariant(job);
  const { levels } = unetConfig(partOf(model.model, "unet").config);
  const outputs = controlOutputs(levels.reduce((total, { layers }) => total + layers + 1, 0));
  const hints = new Map<string, Tensor>();

  return async (step) => {
    const feeds: Feeds = {};
    if (variant.features !== undefined) {
      const acting = adapters.filter(({ control }) => acts(control, step.index));
      for (const [i, name] of featureOutputs(variant.features).entries()) {
        const own = acting.flatMap(({ features, dims }) =>
          features[i] ? [{ data: features[i], dims: dims[i]! }] : [],
        );
        const joined = sum(own);
        feeds[name] = joined ? new Tensor("float32", joined.data, joined.dims) : none;
      }
    }
    if (variant.controlled) {
      const results: Tensor[][] = [];
      for (const group of nets.values()) {
        const acting = group.filter(({ control }) => acts(control, step.index));
        if (acting.length > 0) results.push(await runNet(acting, step));
      }
      for (const [i, name] of outputs.entries()) {
        const own = results.map((each) => each[i]!);
        if (own.length === 1) feeds[name] = own[0]!;
        else {
          const joined = sum(own.map(({ data, dims }) => ({ data: data as Float32Array, dims })));
          feeds[name] = joined ? new Tensor("float32", joined.data, joined.dims) : none;
        }
      }
    }
    return feeds;
  };

  /** One network over the pictures that it sees in a step. */
  async function runNet(acting: readonly NetControl[], { count, latents, feeds }: ControlledStep): Promise<Tensor[]> {
    const [{ control, steer }] = acting as [NetControl];
    const { source, softWeights, guessMode: asked, strength } = control.input;
    const { global_pool_conditions: pooled, unet, kinds } = controlNetConfig(source.config);
    const together = acting.length > 1;
    const guesses = asked || pooled;
    const rows = guesses ? 1 : count;
    const last = (tensor: Tensor) => lastRows(tensor, rows);
    const scale = together ? 1 : strength;
    const scales = outputs.map((_, i) => {
      const share = i / (outputs.length - 1);
      const soft = softWeights ? 0.825 ** (outputs.length - 1 - i) : 1;
      return scale * soft * (guesses && !pooled ? 10 ** (share - 1) : 1);
    });
    const added = unet.addition_embed_type === "text_time" ? ["text_embeds", "time_ids"] : [];
    const inputs: Feeds = {
      sample: last(latents),
      timestep: feeds.timestep!,
      encoder_hidden_states: last(feeds.encoder_hidden_states!),
      ...Object.fromEntries(added.map((name) => [name, last(feeds[name]!)])),
      hint: await hintOf(acting),
      scales: new Tensor("float32", Float32Array.from(scales), [scales.length]),
    };
    if (kinds !== undefined) {
      const types = new Float32Array(kinds);
      for (const { control: each } of acting) types[each.input.kind!] = 1;
      inputs.control_type = new Tensor("float32", types, [1, kinds]);
    }
    const made = await steer.runAll(inputs, outputs, signal);
    if (rows === count) return made;
    return made.map(({ data, dims }) => {
      const grown = withZeroRows(data as Float32Array, dims, count);
      return new Tensor("float32", grown.data, grown.dims);
    });
  }

  /** What the pictures give a network to see: the same in every step in which the same ones act. */
  async function hintOf(acting: readonly NetControl[]): Promise<Tensor> {
    const key = acting.map(({ control }) => control.input.field).join();
    const known = hints.get(key);
    if (known) return known;
    const seen: { data: Float32Array; dims: readonly number[] }[] = [];
    for (const { control, look, picture } of acting) {
      const { kind, strength } = control.input;
      const scale = acting.length > 1 ? strength : 1;
      const more =
        kind === undefined
          ? {}
          : {
              kind: new Tensor("int64", BigInt64Array.of(BigInt(kind)), [1]),
              scale: new Tensor("float32", Float32Array.of(scale), [1]),
            };
      const { data, dims } = await look.run({ picture, ...more }, "hint", signal);
      seen.push({ data: data as Float32Array, dims });
    }
    const { data, dims } = sum(seen)!;
    const hint = new Tensor("float32", data, dims);
    hints.set(key, hint);
    return hint;
  }

  function lastRows(tensor: Tensor, rows: number): Tensor {
    const [all = 1, ...rest] = tensor.dims;
    if (all === rows) return tensor;
    const data = tensor.data as Float32Array;
    return new Tensor("float32", data.subarray((all - rows) * (data.length / all)), [rows, ...rest]);
  }
}

interface NetControl {
  control: LoadedControl;
  look: Network;
  steer: Network;
  picture: Tensor;
}
