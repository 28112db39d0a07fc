import { expect, it } from "vitest";
import { autoencoderKLConfig, ofDecoder } from "../../networks/autoencoder-kl/autoencoder-kl-config.ts";
import { decoderLayers } from "../../networks/autoencoder-kl/stripe-layers.ts";
import { type Pass, planStripes } from "./plan-stripes.ts";

const spec = ofDecoder(
  autoencoderKLConfig({
    block_out_channels: [128, 256, 512, 512],
    down_block_types: Array(4).fill("DownEncoderBlock2D"),
    up_block_types: Array(4).fill("UpDecoderBlock2D"),
    layers_per_block: 2,
  }),
);
const values = ({ out }: Pass) => out.rows * out.width * out.channels;

it.each([1024, 1280, 1536, 2048, 3072])(
  "what a plan for %d pixels holds at once keeps to the budget, or is the least there is",
  (side) => {
    const start = { rows: side / 8, width: side / 8, channels: 512 };
    const least = planStripes(decoderLayers(spec), start, 0).main;
    for (const budget of [0, 1e8, 3e8, 6.5e8, 1e9]) {
      // A buffer that was once written to its end keeps its pages, whatever lies in it later.
      let [touched, most] = [0, 0];
      for (const pass of planStripes(decoderLayers(spec), start, budget).passes) {
        if (pass.to === "main") touched = Math.max(touched, values(pass));
        most = Math.max(most, touched + (pass.to === "side" ? values(pass) : 0));
      }
      expect(most).toBeLessThanOrEqual(Math.max(budget, least));
    }
  },
);
