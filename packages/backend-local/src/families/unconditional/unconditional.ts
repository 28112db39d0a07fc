import { InvalidRequestError } from "@latentkit/core";
import { buildUNet2d } from "../../networks/unet-2d/unet-2d.ts";
import { toPixels } from "../../pipeline/image-tensor.ts";
import type { Codec, FamilyEngine } from "../family.ts";

/** The latent is the picture itself, in −1 to 1. Grey pictures come with three equal channels. */
const codec: Codec = {
  encode: () => Promise.reject(new Error("an unconditional model takes no picture")),
  draw: (_model, distribution) => distribution,
  async decode(_model, latent, [channels, height, width]) {
    if (channels === 3) return toPixels(latent, width, height);
    const planes = new Float32Array(3 * latent.length);
    for (const channel of [0, 1, 2]) planes.set(latent, channel * latent.length);
    return toPixels(planes, width, height);
  },
};

/** DDPM and DDIM: a UNet that sees nothing but the noisy picture and the time. */
export const engine: FamilyEngine = {
  networks: { unet: { part: "unet", build: buildUNet2d } },

  needs({ guided }) {
    if (!guided) return ["unet"];
    const message = "must be 1, or left out: a model without a prompt has nothing to guide it";
    throw new InvalidRequestError([{ field: "guidanceScale", message }], { backend: "local" });
  },

  async open(model, { dims, request }, signal) {
    const unet = await model.network("unet");
    const { Tensor } = model.runtime;
    const label = "classLabel" in request ? request.classLabel : undefined;
    const classes = label === undefined ? {} : { class_labels: new Tensor("int32", Int32Array.of(label), [1]) };
    return {
      warnings: [],
      async predict(input, timestep) {
        const sample = new Tensor("float32", input, [1, ...dims]);
        const time = new Tensor("float32", Float32Array.of(timestep), [1]);
        const { data } = await unet.run({ sample, timestep: time, ...classes }, "out_sample", signal);
        return [data as Float32Array];
      },
    };
  },

  codec,
};
