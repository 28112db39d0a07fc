import { partOf } from "../../models/model.ts";
import { upscalerPipeline } from "../../models/original/original-upscaler.ts";
import type { Family } from "../family.ts";
import { parsed, unsupported } from "../shared/config-check.ts";
import { upscalerShape } from "./upscaler-network.ts";
import { tileOptionsSchema } from "./upscaler-options.ts";

/** Largest side that is made, a request's own bound. */
const largestSide = 16_384;

/** Networks that enlarge a picture at once: ESRGAN (Wang et al. 2018) and its kin. */
export const upscaler: Family = {
  id: "upscaler",
  title: "upscaling network",
  pipelines: [upscalerPipeline],
  parts: { upscaler: { classes: ["RRDBNet", "SRVGGNetCompact"] } },
  tokenizers: {},
  requestOptions: tileOptionsSchema,

  describe(model) {
    const part = partOf(model, "upscaler");
    const { factor } = parsed(part, upscalerShape);
    if (!Number.isInteger(factor) || factor < 1 || factor > 16)
      throw unsupported(part)("num_upsample", `enlarges by ${factor}; supported are whole factors from 1 to 16`);
    return {
      tasks: ["upscale"],
      features: [],
      conditioning: [],
      atOnce: true,
      enlarges: factor,
      ...{ scale: 1, multipleOf: 1, minSide: 1, maxSide: largestSide, latentChannels: 3, scalingFactor: 1 },
      ...{ defaultWidth: 256 * factor, defaultHeight: 256 * factor },
      guidanceScale: 1,
      guidance: "none",
      startsFromPicture: true,
      textLayers: 0,
      tokenizers: {},
      selfAttentions: [],
    };
  },

  engine: async () => (await import("./upscaler.ts")).engine,
};
