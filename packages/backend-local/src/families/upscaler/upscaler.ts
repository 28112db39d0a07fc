import { type Pixels, resizeImage } from "@latentkit/core";
import { partOf } from "../../models/model.ts";
import type { PictureEngine } from "../family.ts";
import { fromColours, toColours } from "./colour-planes.ts";
import { enlarge } from "./enlarge.ts";
import { buildUpscaler, upscalerShape } from "./upscaler-network.ts";
import { tileSizesOf } from "./upscaler-options.ts";

/** An upscaling network over a picture's tiles; what it makes larger than was asked for is made smaller. */
export const engine: PictureEngine = {
  networks: { upscaler: { part: "upscaler", build: buildUpscaler } },

  needs: () => ["upscaler"],

  async picture(model, { inputs, request, settings }, signal, onProgress) {
    const network = await model.network("upscaler");
    const shape = upscalerShape(partOf(model.model, "upscaler").config);
    const { runtime } = model;
    const options = { ...shape, ...tileSizesOf(request, shape), runtime, signal, onProgress };
    const made = fromColours(await enlarge(network, toColours(inputs.image as Pixels), options));
    return resizeImage(made, settings.width, settings.height);
  },
};
