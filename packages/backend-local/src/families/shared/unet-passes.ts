import type { Tensor } from "onnxruntime-node";
import type { ControlSteps } from "../../adapters/control/control-steps.ts";
import type { Network } from "../../engine/network.ts";
import type { Runtime } from "../../engine/runtime.ts";
import type { Denoiser, LatentDims } from "../family.ts";
import type { Rows } from "./rows.ts";

/** What a UNet's passes are made of. */
export interface UnetPassesOptions {
  unet: Network;
  /** Whether it is a UNet with perturbed attention. */
  perturbs: boolean;
  runtime: Runtime;
  /** Inputs with a row for each text, the unconditional one's first where there is one: `encoder_hidden_states` and others. */
  rows: Readonly<Record<string, Rows>>;
  dims: LatentDims;
  /** Channels that the network sees beside the latent. */
  besideChannels?: number;
  /** The class that every row is told, where the network takes one. */
  classLabel?: number;
  /** How many of the first rows see zeros there. */
  blankRows?: number;
  /** What control pictures add. */
  control?: ControlSteps | undefined;
  signal: AbortSignal;
}

/**
 * A UNet with what it attends to: its buffers are made once, and all passes of a step go through in one run. With fewer
 * passes than rows, it is the last rows that count.
 */
export function unetPasses(options: UnetPassesOptions): Denoiser["predict"] {
  const {
    unet,
    perturbs,
    runtime,
    rows,
    dims,
    besideChannels = 0,
    blankRows = 0,
    classLabel,
    control,
    signal,
  } = options;
  const [channels, height, width] = dims;
  const plane = height * width;
  const n = channels * plane;
  const perRow = n + besideChannels * plane;
  const available = Object.values(rows)[0]?.dims[0] ?? 1;
  const sample = new Float32Array(available * perRow);
  const timestep = new Float32Array(1);
  const time = new runtime.Tensor("float32", timestep, [1]);
  const again = new BigInt64Array(1);
  const perturbation = perturbs ? { perturbed: new runtime.Tensor("int64", again, [1]) } : {};
  const lastRows = ({ data, dims: [, ...rest] }: Rows, count: number) =>
    new runtime.Tensor("float32", data.subarray((available - count) * (data.length / available)), [count, ...rest]);
  const feedsOf = (count: number): Record<string, Tensor> => ({
    sample: new runtime.Tensor("float32", sample.subarray(0, count * perRow), [
      count,
      channels + besideChannels,
      height,
      width,
    ]),
    timestep: time,
    ...(classLabel === undefined
      ? {}
      : { class_labels: new runtime.Tensor("int32", new Int32Array(count).fill(classLabel), [count]) }),
    ...Object.fromEntries(Object.entries(rows).map(([name, each]) => [name, lastRows(each, count)])),
    ...perturbation,
  });
  const feeds = Array.from({ length: available }, (_, i) => feedsOf(i + 1));
  // Controls see the latents alone.
  const alone = new Float32Array(control && besideChannels > 0 ? available * n : 0);
  const latentsOf = (count: number, all: Tensor) =>
    besideChannels === 0 ? all : new runtime.Tensor("float32", alone.subarray(0, count * n), [count, ...dims]);
  return async (input, t, index, { uncond, perturbed }, beside) => {
    const count = uncond ? available : 1;
    for (let i = 0; i < count; i++) {
      sample.set(input, i * perRow);
      if (alone.length > 0) alone.set(input, i * n);
      const blank = i < blankRows - (available - count);
      if (beside) sample.set(blank ? new Float32Array(beside.length) : beside, i * perRow + n);
    }
    timestep[0] = t;
    again[0] = perturbed ? 1n : 0n;
    const own = feeds[count - 1]!;
    const steered = control && (await control({ index, count, latents: latentsOf(count, own.sample!), feeds: own }));
    const { data } = await unet.run({ ...own, ...steered }, "out_sample", signal);
    return Array.from({ length: perturbed ? count + 1 : count }, (_, i) =>
      (data as Float32Array).subarray(i * n, (i + 1) * n),
    );
  };
}
