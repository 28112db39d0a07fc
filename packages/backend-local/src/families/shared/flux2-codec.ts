import { modelError } from "../../files/model-error.ts";
import { readTensor } from "../../files/read-tensor.ts";
import { type Model, partOf } from "../../models/model.ts";
import { openWeights } from "../../models/open-weights.ts";
import type { Codec, LatentDims, OpenModel } from "../family.ts";
import { klCodec } from "./kl-codec.ts";
import { colourPicture, flux2Colours } from "./latent-colours.ts";
import { fromPatches, toPatches } from "./latent-patches.ts";

/** What the network's latents are normalised by, channel by channel: a batch norm's running statistics. */
interface Statistics {
  means: Float32Array;
  deviations: Float32Array;
}

/** The VAE's own latents, as they are. */
const vae = klCodec(() => ({ toLatent: (z) => z, fromLatent: (latent) => latent }));

/** FLUX.2's latents: the middle of the VAE's distribution in blocks of 2×2, `[4·channels, height / 2, width / 2]`, each channel normalised. */
export const flux2Codec: Codec = {
  check: (model, dims, encodes) => vae.check!(model, inVae(dims), encodes),
  memory: (model, dims, half) => vae.memory!(model, inVae(dims), half),

  async encode(model, picture, signal) {
    const { means, deviations } = await statisticsOf(model.model);
    const distribution = await vae.encode(model, picture, signal);
    const { scale } = model.model.traits;
    const dims: LatentDims = [means.length, picture.height / scale, picture.width / scale];
    const latent = toBlocks(distribution.subarray(0, distribution.length / 2), dims);
    return eachChannel(latent, dims, (value, c) => (value - means[c]!) / deviations[c]!);
  },

  draw: (_model, distribution) => distribution,

  async decode(model, latent, dims, signal, onProgress) {
    const { means, deviations } = await statisticsOf(model.model);
    const z = eachChannel(latent, dims, (value, c) => value * deviations[c]! + means[c]!);
    return vae.decode(model, fromBlocks(z, dims), inVae(dims), signal, onProgress);
  },

  preview: async (model, latent, dims, signal) =>
    dims[0] === 4 * flux2Colours.factors.length
      ? colourPicture(fromBlocks(latent, dims), inVae(dims), flux2Colours)
      : flux2Codec.decode(model, latent, dims, signal),
};

/** The VAE's `[channels, height, width]`. */
function inVae([channels, height, width]: LatentDims): LatentDims {
  return [channels / 4, 2 * height, 2 * width];
}

function toBlocks(z: Float32Array, dims: LatentDims): Float32Array {
  return turned(toPatches(z, inVae(dims), "channels first"), dims[1] * dims[2], dims[0]);
}

function fromBlocks(latent: Float32Array, dims: LatentDims): Float32Array {
  return fromPatches(turned(latent, dims[0], dims[1] * dims[2]), inVae(dims), "channels first");
}

/** `[rows, columns]` as `[columns, rows]`. */
export function turned(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let r = 0, at = 0; r < rows; r++) for (let c = 0; c < columns; c++, at++) out[c * rows + r] = values[at]!;
  return out;
}

function eachChannel(
  values: Float32Array,
  [, height, width]: LatentDims,
  of: (value: number, channel: number) => number,
) {
  const plane = height * width;
  return values.map((value, i) => of(value, Math.floor(i / plane)));
}

const known = new WeakMap<Model, Promise<Statistics>>();

function statisticsOf(model: OpenModel["model"]): Promise<Statistics> {
  const found = known.get(model) ?? readStatistics(model);
  known.set(model, found);
  return found;
}

/** @throws ModelError where the VAE's files don't have them. */
async function readStatistics(model: Model): Promise<Statistics> {
  const part = partOf(model, "vae");
  const weights = await openWeights(part.weights);
  const read = async (name: string) => {
    const tensor = weights.find(name);
    const { latentChannels } = model.traits;
    if (tensor?.shape[0] === latentChannels) return readTensor(tensor);
    const message = `${weights.source}: ${name} [${latentChannels}] is missing: it normalises the latents`;
    throw modelError("missing", message, { file: weights.source, tensor: name });
  };
  const epsilon = (part.config.batch_norm_eps as number | undefined) ?? 1e-4;
  const [means, variances] = [await read("bn.running_mean"), await read("bn.running_var")];
  return { means, deviations: variances.map((variance) => Math.sqrt(variance + epsilon)) };
}
